//! The local cloud, as the table behind the functions. It is slower than what is measured, so that it shows that a function works and
//! how many calls it makes, rather than what it costs.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use cart_contract::table::{
    CARTS, USERS,
    attribute::{PK, SK},
};
use serde_json::{Value, json};

use crate::{
    http,
    shop::{CART, Shop, USER},
};

/// A local cloud of its own. It ends with its owner.
pub(crate) struct Cloud {
    child: Child,
    address: String,
    directory: PathBuf,
}

impl Cloud {
    /// Starts it, and makes a table and a queue.
    pub(crate) fn start(ministack: &Path) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let directory = std::env::temp_dir().join(format!("cart-bench-{port}"));
        fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new(fs::canonicalize(ministack.parent().unwrap()).unwrap().join(ministack.file_name().unwrap()));
        command.current_dir(&directory).envs([
            ("BIND_HOST", "127.0.0.1"),
            ("MINISTACK_HOST", "127.0.0.1"),
            ("MINISTACK_REGION", "eu-west-1"),
            ("GATEWAY_PORT", &port.to_string()),
            ("EDGE_PORT", &port.to_string()),
            // These would listen on every interface.
            ("IOT_MTLS_ENABLED", "0"),
            ("SFTP_ENABLED", "0"),
            // Nobody is asked who they are here, so there is nothing that could run a stranger's code.
            ("SERVICES", "dynamodb,sqs"),
            ("TMPDIR", directory.to_str().unwrap()),
            ("PYTHONUTF8", "1"),
        ]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let cloud = Self { child, address, directory };
        let started = Instant::now();
        while http::ask(&cloud.address, "GET /_ministack/ready HTTP/1.1\r\nhost: localhost\r\n\r\n").is_err() {
            assert!(started.elapsed() < Duration::from_mins(1), "the local cloud does not start");
            thread::sleep(Duration::from_millis(50));
        }
        let [pk, sk] = [PK, SK].map(|name| json!({ "AttributeName": name, "AttributeType": "S" }));
        let keys = json!([{ "AttributeName": PK, "KeyType": "HASH" }, { "AttributeName": SK, "KeyType": "RANGE" }]);
        let table =
            json!({ "TableName": "carts", "AttributeDefinitions": [pk, sk], "KeySchema": keys, "BillingMode": "PAY_PER_REQUEST" });
        cloud.call("dynamodb", "DynamoDB_20120810.CreateTable", &table);
        cloud.call("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": "deletions" }));
        cloud
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fills both carts of the customer, whatever became of them.
    pub(crate) fn fill(&self, shop: &Shop) {
        let owners = [format!("{USERS}{USER}"), format!("{CARTS}{CART}")];
        let items = owners.iter().flat_map(|pk| [0, 1].map(|index| shop.item(pk, index)));
        let puts: Vec<_> = items.map(|item| json!({ "PutRequest": { "Item": item } })).collect();
        self.call("dynamodb", "DynamoDB_20120810.BatchWriteItem", &json!({ "RequestItems": { "carts": puts } }));
    }

    fn call(&self, service: &str, operation: &str, input: &Value) {
        let body = input.to_string();
        // MiniStack finds out by the signature which service is meant, and does not verify it.
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-target: {operation}\r\ncontent-type: application/x-amz-json-1.0\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=test/20261123/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let (status, answer) = http::ask(&self.address, &request).unwrap();
        assert!(status.contains(" 200"), "{operation}: {status} {answer}");
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // What stays is in the folder for what is temporary.
        drop(fs::remove_dir_all(&self.directory));
    }
}
