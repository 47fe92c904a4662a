//! A shop to measure: products, one customer with a token that is as good as any, and what is in carts. Knows nothing of functions.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cart_contract::table::{
    Key,
    attribute::{EXPIRATION_TIME, PK, PRODUCT_DETAIL, QUANTITY, SK},
};
use serde_json::{Value, json};

/// The customer.
pub(crate) const USER: &str = "3f1c2a9e-77aa-4d0c-9a4e-0d5f0d8a2b11";

/// The customer's cart from before signing in.
pub(crate) const CART: &str = "4c1fadaa-213a-4ea8-aa32-58c217604e3c";

/// The customer's pool, and the application that signs in.
pub(crate) const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_bench";
pub(crate) const CLIENT: &str = "5k2example1client2id3of4app";

const KEY: &str = "bench/2026+key=";

/// What is sold, and who signs.
pub(crate) struct Shop {
    pub(crate) pool: Pool,
    pub(crate) products: [Value; 2],
    pub(crate) now: u64,
}

/// Signs tokens with a key of its own.
pub(crate) struct Pool(KeyPair);

impl Shop {
    pub(crate) fn open() -> Self {
        let catalogue: Value = serde_json::from_str(include_str!("../../products/src/catalogue.json")).unwrap();
        #[expect(clippy::disallowed_methods, reason = "tokens and items that expire are measured as of now")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let products = [catalogue[0].clone(), catalogue[1].clone()];
        Self { pool: Pool(KeyPair::generate(KeySize::Rsa2048).unwrap()), products, now }
    }

    pub(crate) fn product(&self, index: usize) -> &Value {
        &self.products[index]
    }

    pub(crate) fn product_id(&self, index: usize) -> &str {
        self.products[index]["productId"].as_str().unwrap()
    }

    /// A token of the customer, as large as Cognito's are.
    pub(crate) fn token(&self) -> String {
        let claims = json!({
            "sub": USER, "iss": ISSUER, "aud": CLIENT, "token_use": "id", "auth_time": self.now, "iat": self.now,
            "exp": self.now + 24 * 3600, "email_verified": true, "email": "customer@shop.example", "cognito:username": USER,
            "event_id": "0d6a7c1e-7a52-4e06-8d0b-3a1f1a3e9c55", "origin_jti": "a5b0f6ad-9c6e-4a86-8d0d-06f5f4e5a7c9",
            "jti": "6f6b7f9e-54a4-4f6e-8d75-0f9f2f2b7a10",
        });
        let header = json!({ "kid": KEY, "alg": "RS256" });
        let message = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let Pool(pair) = &self.pool;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", base64url(signature))
    }

    /// Three of a product, in the cart of that key, as the table has them.
    pub(crate) fn item(&self, owner: &str, index: usize) -> Value {
        let Key { pk, sk } = Key::item(owner, self.product_id(index));
        json!({
            PK: { "S": pk }, SK: { "S": sk }, QUANTITY: { "N": "3" },
            EXPIRATION_TIME: { "N": (self.now + 3600).to_string() }, PRODUCT_DETAIL: attribute(self.product(index)),
        })
    }
}

impl Pool {
    /// The keys as a pool publishes them: two, of which one signs.
    pub(crate) fn keys(&self) -> Value {
        let public = self.0.public_key();
        let [n, e] = [public.modulus(), public.exponent()].map(|number| base64url(number.big_endian_without_leading_zero()));
        let key = |kid| json!({ "alg": "RS256", "e": e, "kid": kid, "kty": "RSA", "n": n, "use": "sig" });
        json!({ "keys": [key("another"), key(KEY)] })
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// JSON as an attribute.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(flag) => json!({ "BOOL": flag }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            json!({ "M": fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<serde_json::Map<_, _>>() })
        }
    }
}
