//! A stage whose data is worth more than the stage.

use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test]
async fn a_protected_stage_keeps_accounts_and_carts() {
    let cloud = Cloud::new();
    cloud.configure("[stages.production]\nprotected = true");
    cloud.run(&["local", "--detach", "--stage", "production"]).succeeded();
    let table =
        cloud.resources("aws-serverless-shopping-cart-production-shoppingcart-service").await["DynamoDBShoppingCartTable"].clone();
    let pool = cloud.resources("aws-serverless-shopping-cart-production-auth").await["CognitoUserPool"].clone();
    let everything = cloud.inventory().await;
    assert!(everything.iter().any(|entry| entry.starts_with("alarm ")), "it is watched: {everything:?}");

    let run = cloud.run(&["delete", "--local", "--stage", "production", "--output", "json"]);
    for kept in [
        format!("= DynamoDBShoppingCartTable AWS::DynamoDB::Table {table} is retained"),
        format!("= CognitoUserPool AWS::Cognito::UserPool {pool} is retained"),
    ] {
        assert!(run.stderr.contains(&kept), "announced: {}", run.stderr);
    }
    let (answer, _) = run.succeeded();
    let kept = serde_json::from_str::<serde_json::Value>(&answer).unwrap()["kept"].clone();
    for data in [
        json!({ "type": "AWS::DynamoDB::Table", "id": table, "logical_id": "DynamoDBShoppingCartTable" }),
        json!({ "type": "AWS::Cognito::UserPool", "id": pool, "logical_id": "CognitoUserPool" }),
    ] {
        assert!(kept.as_array().unwrap().contains(&data), "{kept}");
    }
    let of_kind = |kind: &str| kept.as_array().unwrap().iter().filter(|it| it["type"] == kind).count();
    assert_eq!((of_kind("AWS::SQS::Queue"), of_kind("AWS::DynamoDB::Table")), (2, 1), "the dead letters: {kept}");
    assert!(of_kind("AWS::Logs::LogGroup") > 10, "{kept}");

    let left = cloud.inventory().await;
    let of_stage = left.iter().filter(|entry| !entry.contains("-bootstrap"));
    let (records, data): (Vec<_>, Vec<_>) = of_stage.partition(|entry| entry.starts_with("logs ") || entry.starts_with("queue "));
    assert_eq!(data, [&"pool aws-serverless-shopping-cart-production-auth-UserPool".to_owned(), &format!("table {table}")]);
    let queues = records.iter().filter(|entry| entry.starts_with("queue ")).count();
    assert!(queues == 2 && records.len() > 10, "dead letters and logs: {records:?}");
    assert!(everything.is_superset(&left));
    cloud.stop();
}
