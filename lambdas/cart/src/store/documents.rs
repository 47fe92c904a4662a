//! The documents that DynamoDB is sent, and those that it answers, as far as the store uses them. Source of all names:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html>. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    attributes::Attributes,
    write::{Action, Write},
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetItem<'a> {
    pub(super) table_name: &'a str,
    pub(super) key: Attributes,
    pub(super) consistent_read: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GotItem {
    /// None, if the item does not exist.
    pub(super) item: Option<Attributes>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Query<'a> {
    pub(super) table_name: &'a str,
    pub(super) key_condition_expression: &'static str,
    pub(super) expression_attribute_values: Attributes,
    pub(super) consistent_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exclusive_start_key: Option<Attributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Queried {
    pub(super) items: Vec<Attributes>,
    /// Where the next batch begins. None, if this is the last one.
    pub(super) last_evaluated_key: Option<Attributes>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItem<'a> {
    pub(super) request_items: BTreeMap<&'a str, Keys>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Keys {
    pub(super) keys: Vec<Attributes>,
    pub(super) consistent_read: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGotItem {
    pub(super) responses: BTreeMap<String, Vec<Attributes>>,
    /// The keys that were not read this time.
    #[serde(default)]
    pub(super) unprocessed_keys: BTreeMap<String, Unprocessed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Unprocessed {
    pub(super) keys: Vec<Attributes>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactWriteItems<'a> {
    /// DynamoDB carries out requests of one token once, within ten minutes.
    pub(super) client_request_token: String,
    pub(super) transact_items: Vec<TransactWriteItem<'a>>,
}

#[derive(Serialize)]
pub(super) enum TransactWriteItem<'a> {
    Update(Part<'a>),
    Delete(Part<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Part<'a> {
    table_name: &'a str,
    key: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<String>,
    /// DynamoDB refuses an empty map.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    expression_attribute_values: Attributes,
}

impl<'a> TransactWriteItem<'a> {
    pub(super) fn new(table_name: &'a str, write: Write) -> Self {
        let Write { key, action, condition, values } = write;
        let part = |update_expression| Part {
            table_name,
            key,
            update_expression,
            condition_expression: condition,
            expression_attribute_values: values,
        };
        match action {
            Action::Update(expression) => Self::Update(part(Some(expression))),
            Action::Delete => Self::Delete(part(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use aws_sdk_dynamodb::{
        Client, Config,
        config::{BehaviorVersion, Credentials, Region},
        types::{AttributeValue as SdkValue, Delete, KeysAndAttributes, TransactWriteItem as SdkWrite, Update},
    };
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::{attributes::AttributeValue, write::Write};
    use crate::{
        aws::Account,
        clock::Timestamp,
        deletions::Deletion,
        fetch::Http,
        item::MigrationId,
        owner::{CartId, Owner},
        quantity::Quantity,
        store::Store,
        waiting::tests::patient,
    };

    fn store_at(connector: impl HttpConnector + 'static) -> Store {
        let http = Http::over(SharedHttpConnector::new(connector), patient());
        Store::new(Account::at(http, "http://aws").dynamodb(), "carts".to_owned())
    }

    /// Records every request, and accepts it.
    #[derive(Clone, Debug, Default)]
    struct Recorder(Arc<Mutex<Vec<(String, String, Value)>>>);

    impl HttpConnector for Recorder {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
            let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            // The token is new each time.
            if let Some(token) = body.get_mut("ClientRequestToken") {
                assert!(Uuid::try_parse(token.as_str().unwrap()).is_ok());
                *token = json!("new");
            }
            self.0.lock().unwrap().push((header("x-amz-target"), header("content-type"), body));
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), r#"{"Items":[],"Responses":{}}"#.into())))
        }
    }

    impl Recorder {
        fn taken(&self) -> Vec<(String, String, Value)> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }

        fn sdk(&self) -> Client {
            let connector = SharedHttpConnector::new(self.clone());
            let config = Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-west-1"))
                .credentials_provider(Credentials::new("a", "a", None, None, "test"))
                .http_client(http_client_fn(move |_, _| connector.clone()));
            Client::from_conf(config.build())
        }
    }

    fn sdk_value(value: &AttributeValue) -> SdkValue {
        match value {
            AttributeValue::S(text) => SdkValue::S(text.clone()),
            AttributeValue::N(number) => SdkValue::N(number.clone()),
            AttributeValue::Bool(flag) => SdkValue::Bool(*flag),
            AttributeValue::Null(null) => SdkValue::Null(*null),
            AttributeValue::L(values) => SdkValue::L(values.iter().map(sdk_value).collect()),
            AttributeValue::M(values) => SdkValue::M(sdk_values(values)),
            value => panic!("{value:?} is never written"),
        }
    }

    fn sdk_values(values: &super::Attributes) -> HashMap<String, SdkValue> {
        values.iter().map(|(name, value)| (name.clone(), sdk_value(value))).collect()
    }

    fn key(pk: &str, sk: &str) -> HashMap<String, SdkValue> {
        HashMap::from([("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), SdkValue::S(value.to_owned()))))
    }

    #[tokio::test]
    async fn what_is_read_is_asked_for_as_the_sdk_asks() {
        let (owner, mug): (Owner, _) = ("user#a".parse().unwrap(), "mug".parse().unwrap());
        let recorder = Recorder::default();
        let (store, sdk) = (store_at(recorder.clone()), recorder.sdk());

        store.cart(&owner).await.unwrap();
        store.item(&owner, &mug).await.unwrap();
        store.total(&mug).await.unwrap();
        let keys = [crate::store::attributes::item_key(&owner, &mug), crate::store::attributes::control_key()];
        store.all(&keys).await.unwrap();
        let ours = recorder.taken();

        let query = sdk.query().table_name("carts").consistent_read(true);
        let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :product)");
        let query = query.expression_attribute_values(":pk", SdkValue::S("user#a".to_owned()));
        query.expression_attribute_values(":product", SdkValue::S("product#".to_owned())).send().await.unwrap();
        let get =
            |pk, sk, consistent| sdk.get_item().table_name("carts").set_key(Some(key(pk, sk))).consistent_read(consistent).send();
        get("user#a", "product#mug", true).await.unwrap();
        get("product#mug", "totalquantity", false).await.unwrap();
        let keys = KeysAndAttributes::builder().keys(key("user#a", "product#mug")).keys(key("totals", "generation"));
        let keys = keys.consistent_read(true).build().unwrap();
        sdk.batch_get_item().request_items("carts", keys).send().await.unwrap();
        assert_eq!(ours, recorder.taken());
    }

    #[tokio::test]
    async fn what_is_written_is_sent_as_the_sdk_sends_it() {
        let (owner, mug): (Owner, _) = ("user#a".parse().unwrap(), "mug".parse().unwrap());
        let detail = json!({ "price": 1290, "tags": ["mug", null, true], "w": 0.5, "box": { "h": 1 } });
        let cart = CartId(Uuid::nil());
        let deletion = Deletion { cart, product: "pan".parse().unwrap(), migration: MigrationId(Uuid::nil()) };
        let writes = [
            Write::set(&owner, &mug, Quantity::ZERO, &detail, Timestamp(100)).if_still(None),
            Write::set(&owner, &"jar".parse().unwrap(), Quantity::ZERO, &detail, Timestamp(100)),
            Write::bury(&deletion),
        ];
        let recorder = Recorder::default();
        assert_eq!(store_at(recorder.clone()).apply_together(writes.to_vec()).await.unwrap(), super::super::Outcome::Done);
        let ours = recorder.taken();

        let items = writes.iter().map(|write| {
            let (key, values) = (sdk_values(&write.key), sdk_values(&write.values));
            let item = SdkWrite::builder();
            match &write.action {
                super::Action::Update(expression) => {
                    let update = Update::builder().table_name("carts").set_key(Some(key)).update_expression(expression);
                    let update = update.set_condition_expression(write.condition.clone());
                    item.update(update.set_expression_attribute_values(Some(values)).build().unwrap()).build()
                }
                super::Action::Delete => {
                    let delete = Delete::builder().table_name("carts").set_key(Some(key));
                    let delete = delete.set_condition_expression(write.condition.clone());
                    item.delete(delete.set_expression_attribute_values(Some(values)).build().unwrap()).build()
                }
            }
        });
        recorder.sdk().transact_write_items().set_transact_items(Some(items.collect())).send().await.unwrap();
        assert_eq!(ours, recorder.taken());
    }

    /// Answers a query in batches, of which one is empty.
    #[derive(Clone, Debug)]
    struct Batches(Arc<Mutex<Vec<Value>>>);

    impl HttpConnector for Batches {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let document: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            let after = document["ExclusiveStartKey"].clone();
            self.0.lock().unwrap().push(after.clone());
            let item = |product: &str| {
                json!({ "pk": { "S": "user#a" }, "sk": { "S": product }, "quantity": { "N": "2" },
                    "expirationTime": { "N": "100" }, "bytes": { "BS": ["AA=="] } })
            };
            let batch = match after["sk"]["S"].as_str() {
                None => json!({ "Items": [item("product#jar")], "LastEvaluatedKey": { "sk": { "S": "product#jar" } } }),
                Some("product#jar") => json!({ "Items": [], "LastEvaluatedKey": { "sk": { "S": "product#mug" } } }),
                Some(_) => json!({ "Items": [item("product#pan")], "Count": 1, "ScannedCount": 1 }),
            };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), batch.to_string().into())))
        }
    }

    #[tokio::test]
    async fn a_cart_is_read_to_its_last_batch() {
        let batches = Batches(Arc::default());
        let items = store_at(batches.clone()).cart(&"user#a".parse().unwrap()).await.unwrap();
        assert_eq!(items.iter().map(|item| item.product.as_str()).collect::<Vec<_>>(), ["jar", "pan"]);
        assert_eq!(batches.0.lock().unwrap().len(), 3);
    }
}
