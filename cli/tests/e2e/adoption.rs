//! Deploying over what the original made: accounts, carts and queues stay what they are.

use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use serde_json::{Value, json};

use crate::{
    cloud::{Cloud, eventually},
    shop::Shop,
};

const AUTH: &str = "aws-serverless-shopping-cart-auth";
const PRODUCTS: &str = "aws-serverless-shopping-cart-product-mock";
const CART: &str = "aws-serverless-shopping-cart-shoppingcart-service";
const BOOTSTRAP: &str = "aws-serverless-shopping-cart-bootstrap";

fn parameter(path: &str, value: &Value) -> Value {
    json!({ "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Name": format!("/serverless-shopping-cart-demo/{path}"), "Value": value } })
}

/// The templates of the original, as far as they hold state or claim names that are used again.
fn original() -> [(&'static str, Value); 3] {
    let auth = json!({
        "CognitoUserPool": { "Type": "AWS::Cognito::UserPool", "Properties": {
            "UserPoolName": { "Fn::Sub": "${AWS::StackName}-UserPool" }, "AutoVerifiedAttributes": ["email"],
            "Policies": { "PasswordPolicy": { "MinimumLength": 8 } },
        }},
        "UserPoolClient": { "Type": "AWS::Cognito::UserPoolClient", "Properties": {
            "ClientName": "my-app", "GenerateSecret": false, "UserPoolId": { "Ref": "CognitoUserPool" },
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        }},
        "UserPoolSSM": parameter("auth/user-pool-id", &json!({ "Ref": "CognitoUserPool" })),
        "UserPoolARNSSM": parameter("auth/user-pool-arn", &json!({ "Fn::GetAtt": ["CognitoUserPool", "Arn"] })),
        "UserPoolAppClientSSM": parameter("auth/user-pool-client-id", &json!({ "Ref": "UserPoolClient" })),
    });
    let products = json!({
        "ServerlessRestApi": { "Type": "AWS::ApiGateway::RestApi", "Properties": { "Name": { "Ref": "AWS::StackName" } } },
        "GetProductApiUrl": parameter("products/products-api-url", &json!({ "Fn::Sub": "https://${ServerlessRestApi}.example/Prod" })),
    });
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let cart = json!({
        "CartApi": { "Type": "AWS::ApiGateway::RestApi", "Properties": { "Name": { "Ref": "AWS::StackName" } } },
        "DynamoDBShoppingCartTable": { "Type": "AWS::DynamoDB::Table", "Properties": {
            "AttributeDefinitions": [text("pk"), text("sk")], "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "BillingMode": "PAY_PER_REQUEST", "StreamSpecification": { "StreamViewType": "NEW_AND_OLD_IMAGES" },
            "TimeToLiveSpecification": { "AttributeName": "expirationTime", "Enabled": true },
        }},
        "CartDeleteSQSQueue": { "Type": "AWS::SQS::Queue", "Properties": {
            "VisibilityTimeout": 20,
            "RedrivePolicy": { "maxReceiveCount": 5, "deadLetterTargetArn": { "Fn::GetAtt": ["CartDeleteSQSDLQ", "Arn"] } },
        }},
        "CartDeleteSQSDLQ": { "Type": "AWS::SQS::Queue" },
        "CartApiUrl": parameter("shopping-cart/cart-api-url", &json!({ "Fn::Sub": "https://${CartApi}.example/Prod" })),
        "APIGWCloudWatchRole": { "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "Service": "apigateway.amazonaws.com" }, "Action": "sts:AssumeRole" },
            ]},
        }},
        "ApiGWAccount": { "Type": "AWS::ApiGateway::Account", "Properties": { "CloudWatchRoleArn": { "Fn::GetAtt": ["APIGWCloudWatchRole", "Arn"] } } },
    });
    [(AUTH, auth), (PRODUCTS, products), (CART, cart)]
}

async fn deploy_original(cloud: &Cloud) {
    let cloudformation = cloud.cloudformation();
    for (name, resources) in original() {
        // YAML, as the original is written. Without SAM's transform, which the emulator cannot carry out.
        let template = serde_yaml::to_string(&json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources })).unwrap();
        let create = cloudformation.create_stack().stack_name(name).template_body(template);
        create.capabilities(Capability::CapabilityIam).send().await.unwrap();
        eventually(&format!("{name} is created"), async || {
            let stacks = cloudformation.describe_stacks().stack_name(name).send().await.unwrap().stacks.unwrap();
            (stacks[0].stack_status == Some(StackStatus::CreateComplete)).then_some(())
        })
        .await;
    }
}

/// Updates a stack to versions of any code, and to functions that do not say which code they have.
async fn deploy_without_hashes(cloud: &Cloud, name: &str) {
    let cloudformation = cloud.cloudformation();
    let template = cloudformation.get_template().stack_name(name).send().await.unwrap().template_body.unwrap();
    let mut template: Value = serde_json::from_str(&template).unwrap();
    let mut versions = Vec::new();
    for (id, resource) in template["Resources"].as_object_mut().unwrap() {
        if resource["Type"] == "AWS::Lambda::Version" {
            resource["Properties"].as_object_mut().unwrap().remove("CodeSha256").unwrap();
            versions.push(id.clone());
        } else if resource["Type"] == "AWS::Lambda::Function" {
            let description = resource["Properties"]["Description"].as_str().unwrap();
            resource["Properties"]["Description"] = json!(description.split(". Code ").next());
        }
    }
    let rename = |text: String, id: &String| text.replace(id, &format!("{}0000000000", &id[..id.len() - 10]));
    let template = versions.iter().fold(template.to_string(), rename);
    let parameters = cloudformation.describe_stacks().stack_name(name).send().await.unwrap().stacks.unwrap().remove(0).parameters;
    let parameters = parameters.unwrap_or_default().into_iter();
    let parameters =
        parameters.map(|it| Parameter::builder().parameter_key(it.parameter_key.unwrap()).use_previous_value(true).build());
    let update = cloudformation.update_stack().stack_name(name).template_body(template);
    update.set_parameters(Some(parameters.collect())).capabilities(Capability::CapabilityIam).send().await.unwrap();
    eventually(&format!("{name} is updated"), async || {
        let stacks = cloudformation.describe_stacks().stack_name(name).send().await.unwrap().stacks.unwrap();
        (stacks[0].stack_status == Some(StackStatus::UpdateComplete)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_existing_deployment_is_taken_over() {
    let cloud = Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    cloud.reset().await;
    deploy_original(&cloud).await;
    let original = [cloud.resources(AUTH).await, cloud.resources(CART).await];

    // Somebody has an account, and two of something in the cart.
    let [auth, cart] = &original;
    let before = Shop {
        cloud: &cloud,
        products: String::new(),
        carts: String::new(),
        pool: auth["CognitoUserPool"].clone(),
        client: auth["UserPoolClient"].clone(),
        origin: String::new(),
    };
    let user = before.sign_up("ada@example.com").await;
    let item = json!({
        "pk": { "S": format!("user#{user}") }, "sk": { "S": "product#d2580eff-d105-45a5-9b21-ba61995bc6da" },
        "quantity": { "N": "2" }, "expirationTime": { "N": "4102444800" }, "productDetail": { "M": { "name": { "S": "socks" } } },
    });
    let put = json!({ "TableName": cart["DynamoDBShoppingCartTable"], "Item": item });
    cloud.call("dynamodb", "DynamoDB_20120810.PutItem", &put).await;

    let (_, story) = cloud.run(&["deploy", "--local"]).succeeded();
    assert_eq!(story.matches("adopts a stack").count(), 3, "{story}");
    let adopted = [cloud.resources(AUTH).await, cloud.resources(CART).await];
    for (stack, id) in [
        (0, "CognitoUserPool"),
        (0, "UserPoolClient"),
        (1, "DynamoDBShoppingCartTable"),
        (1, "CartDeleteSQSQueue"),
        (1, "CartDeleteSQSDLQ"),
    ] {
        assert_eq!(adopted[stack][id], original[stack][id], "{id} is still the same");
    }
    for id in ["ApiGWAccount", "APIGWCloudWatchRole", "CartApi"] {
        assert!(!adopted[1].contains_key(id), "{id} is gone");
    }
    let bootstrap = cloud.resources(BOOTSTRAP).await;
    assert!(bootstrap.contains_key("ApiGatewayLoggingRole") && bootstrap.contains_key("ApiGatewayAccount"), "{bootstrap:?}");

    let shop = Shop::of_stage(&cloud, "default");
    assert_eq!((&shop.pool, &shop.client), (&before.pool, &before.client));
    let ada = shop.sign_in("ada@example.com").await;
    assert_eq!(shop.held(&ada).await, [("d2580eff-d105-45a5-9b21-ba61995bc6da".to_owned(), 2)]);
    assert_eq!(shop.product("GET", "/product").await.status, 200);

    let (_, again) = cloud.run(&["deploy", "--local"]).succeeded();
    assert!(again.contains("cart      no changes\n"), "{again}");

    // As a cartctl left it that knew no hashes.
    for name in [PRODUCTS, CART] {
        deploy_without_hashes(&cloud, name).await;
    }
    let (_, story) = cloud.run(&["deploy", "--local"]).succeeded();
    assert_eq!(story.matches(" updated in ").count(), 2, "{story}");
    for (name, functions) in [(PRODUCTS, 2), (CART, 8)] {
        let template = cloud.cloudformation().get_template().stack_name(name).send().await.unwrap().template_body.unwrap();
        assert_eq!(template.matches("\"CodeSha256\"").count(), functions, "{template}");
    }
    assert_eq!(shop.held(&ada).await, [("d2580eff-d105-45a5-9b21-ba61995bc6da".to_owned(), 2)]);
    assert_eq!(shop.product("GET", "/product").await.status, 200);
    cloud.stop();
}
