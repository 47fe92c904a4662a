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
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()["kept"],
        json!([
            { "type": "AWS::DynamoDB::Table", "id": table, "logical_id": "DynamoDBShoppingCartTable" },
            { "type": "AWS::Cognito::UserPool", "id": pool, "logical_id": "CognitoUserPool" },
        ])
    );

    let left = cloud.inventory().await;
    let of_stage: Vec<_> = left.iter().filter(|entry| !entry.contains("-bootstrap")).collect();
    assert_eq!(of_stage, [&"pool aws-serverless-shopping-cart-production-auth-UserPool".to_owned(), &format!("table {table}")]);
    assert!(everything.is_superset(&left));
    cloud.stop();
}
