//! Opens connections before the first event is requested. While a process starts, Lambda gives it a whole processor: work that is needed
//! anyway costs least then. Knows nothing of the connections' purpose.
//!
//! Nothing depends on it. A service that cannot be reached now is called again when it is needed, and only then is that an error.

use std::time::Duration;

use tracing::debug;

use crate::waiting::Waiting;

/// The most time that connecting may add to a start. Handshakes and the signing keys take some tens of milliseconds.
pub const LIMIT: Duration = Duration::from_millis(500);

/// Waits until `connecting` is done, but no longer than [`LIMIT`].
pub async fn within_limit(waiting: &Waiting, connecting: impl Future) {
    if waiting.at_most(LIMIT, connecting).await.is_none() {
        debug!("not everything could be reached in time");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::SocketAddr,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use aws_smithy_http_client::tls::{TlsContext, TrustStore};
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        join,
        net::{TcpListener, TcpStream},
    };
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ServerConfig,
            pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        },
    };

    use super::*;
    use crate::{
        aws::Account,
        clock::Timestamp,
        deletions::{Deletion, Deletions},
        fetch::{Http, tests::http},
        identity::keys::SigningKeys,
        item::MigrationId,
        products::Products,
        store::Store,
        waiting::tests::{impatient, patient},
    };

    /// A service behind TLS, with a self-signed certificate.
    struct Service {
        address: SocketAddr,
        certificate: String,
        handshakes: Arc<AtomicUsize>,
    }

    impl Service {
        /// Answers every request with the first of these whose text is in the head of the request.
        async fn answering(answers: &'static [(&'static str, &'static str)]) -> Self {
            let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
            let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let handshakes = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&handshakes);
            tokio::spawn(async move {
                while let Ok((caller, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(talk(acceptor.clone(), caller, answers));
                }
            });
            Self { address, certificate: cert.pem(), handshakes }
        }

        fn url(&self) -> String {
            format!("https://localhost:{}", self.address.port())
        }

        fn handshakes(&self) -> usize {
            self.handshakes.load(Ordering::Relaxed)
        }

        /// A client that trusts this service alone.
        fn http(&self) -> Http {
            let trust = TrustStore::empty().with_pem_certificate(self.certificate.as_bytes());
            Http::with(TlsContext::builder().with_trust_store(trust).build().unwrap())
        }

        fn account(&self) -> Account {
            Account::at(self.http(), &self.url())
        }
    }

    /// Answers one request after the other on a connection that stays open, as HTTP/1.1 servers do.
    async fn talk(acceptor: TlsAcceptor, caller: TcpStream, answers: &[(&str, &str)]) -> Option<()> {
        let mut caller = acceptor.accept(caller).await.ok()?;
        let mut request = String::new();
        loop {
            let mut chunk = [0; 4096];
            let count = caller.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
            request.push_str(&String::from_utf8_lossy(&chunk[..count]));
            let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
            let length = head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| *name == "content-length");
            if body.len() < length.map_or(0, |(_, length)| length.parse().unwrap()) {
                continue;
            }
            let (_, body) = answers.iter().find(|(part, _)| head.contains(part)).unwrap_or(&("", "unhealthy"));
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            request.clear();
            caller.write_all(answer.as_bytes()).await.ok()?;
        }
    }

    #[tokio::test]
    async fn the_first_request_to_the_table_needs_no_handshake() {
        let dynamodb = Service::answering(&[("GET /ping ", "healthy"), ("DynamoDB_20120810.GetItem", "{}")]).await;
        let store = Store::new(dynamodb.account().dynamodb(), "carts".to_owned());
        within_limit(&patient(), store.connect()).await;
        assert_eq!(dynamodb.handshakes(), 1);
        assert_eq!(store.total(&"mug".parse().unwrap()).await.unwrap(), 0);
        assert_eq!(dynamodb.handshakes(), 1);
    }

    #[tokio::test]
    async fn the_first_message_needs_no_handshake() {
        let sqs = Service::answering(&[("GET /ping ", "healthy"), ("SendMessageBatch", r#"{"Successful":[],"Failed":[]}"#)]).await;
        let deletions = Deletions::new(sqs.account().sqs(), sqs.url());
        within_limit(&patient(), deletions.connect()).await;
        assert_eq!(sqs.handshakes(), 1);
        let deletion = Deletion {
            cart: "4c1fadaa-213a-4ea8-aa32-58c217604e3c".parse().unwrap(),
            product: "mug".parse().unwrap(),
            migration: MigrationId(uuid::Uuid::nil()),
        };
        deletions.request(&[deletion]).await.unwrap();
        assert_eq!(sqs.handshakes(), 1);
    }

    #[tokio::test]
    async fn the_first_token_and_the_first_product_need_no_handshake() {
        const KEYS: &str = r#"{"keys":[{"kid":"rsa","kty":"RSA","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"}]}"#;
        let pool = Service::answering(&[("GET /jwks ", KEYS)]).await;
        let shop =
            Service::answering(&[("OPTIONS /product ", ""), ("GET /product/mug ", r#"{"product":{"productId":"mug"}}"#)]).await;
        let keys = SigningKeys::new(pool.http(), format!("{}/jwks", pool.url()));
        let products = Products::new(shop.http(), shop.url());
        within_limit(&patient(), async { join!(keys.prefetch(Timestamp(1000)), products.connect()) }).await;
        assert_eq!((pool.handshakes(), shop.handshakes()), (1, 1));
        assert!(keys.find("rsa", Timestamp(1001)).await.unwrap().is_some());
        assert_eq!(products.detail(&"mug".parse().unwrap(), Timestamp(1001)).await.unwrap()["productId"], "mug");
        assert_eq!((pool.handshakes(), shop.handshakes()), (1, 1));
    }

    #[tokio::test]
    async fn nobody_is_trusted_who_is_not_to_be() {
        let [shop, other] = [Service::answering(&[("", "{}")]).await, Service::answering(&[]).await];
        assert!(shop.http().get(&shop.url()).await.is_ok());
        assert!(other.http().get(&shop.url()).await.is_err());
    }

    #[tokio::test]
    async fn what_cannot_be_reached_is_no_reason_not_to_start() {
        // One accepts no connection and answers nothing; at the other address nobody listens.
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
        for address in [silent.local_addr().unwrap(), nobody] {
            let (http, url) = (http(), format!("http://{address}"));
            let store = Store::new(Account::at(http.clone(), &url).dynamodb(), "carts".to_owned());
            let keys = SigningKeys::new(http, url.clone());
            within_limit(&impatient(), async { join!(store.connect(), keys.prefetch(Timestamp(1000))) }).await;
        }
    }
}
