//! `cartctl local`: the whole backend on this machine, deployed by the same code as on AWS.

use cart_infra::StackId;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{
    deploy::{self, Deployed},
    interruption::Interruption,
};
use crate::{
    args::{Deploy, Local, RequireApproval, Selection, Target},
    aws::Aws,
    config::Config,
    error::Error,
    event::Events,
    execute::{Context, Wish, deploy::ChangeSets},
    local::{self, LocalCloud},
    report::{Reporting, answer::Answer},
};

pub(super) async fn run(args: &Local, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let directory = &config.local.directory;
    if args.stop {
        let stopped = local::stop_running(directory).await;
        let text = if stopped { "stopped the local cloud\n" } else { "the local cloud was not running\n" };
        return Ok(Answer::new(text.to_owned(), json!({ "stopped": stopped })));
    }
    if local::running_port(directory).is_some() {
        let shop = reporting.telling(async |events| bring_up(config, &events).await).await?;
        return Ok(shop.answer("It was running already; `cartctl local --stop` stops it."));
    }
    // Listened to from here on, so that an interruption at any moment still stops what was started.
    let mut interrupted = Interruption::listen()?;
    let mut cloud = reporting
        .telling(async |events| {
            events.during("starting the local cloud", LocalCloud::start(&config.tools(), config.local.port, directory)).await
        })
        .await?;
    let brought_up = tokio::select! {
        shop = reporting.telling(async |events| bring_up(config, &events).await) => shop,
        error = cloud.ended() => Err(error.into()),
        () = interrupted.wait() => Err(Error::Interrupted),
    };
    let shop = match brought_up {
        Ok(shop) => shop,
        Err(error) => {
            cloud.stop().await;
            return Err(error);
        }
    };
    if args.detach {
        cloud.detach();
        return Ok(shop.answer("It runs on by itself; `cartctl local --stop` stops it."));
    }
    shop.answer("It runs until you press Ctrl-C.").print(config.output);
    let ended = tokio::select! {
        error = cloud.ended() => Err(error.into()),
        () = interrupted.wait() => Ok(Answer::new("stopped the local cloud\n".to_owned(), json!({ "stopped": true }))),
    };
    cloud.stop().await;
    ended
}

/// The shop, as far as somebody who wants to try it has to know it.
struct Shop {
    endpoint: String,
    products_api: String,
    cart_api: String,
    user_pool: String,
    client: String,
    product: String,
}

/// Deploys, and asks the shop for its products: an answer means that all of it is there.
async fn bring_up(config: &Config, events: &Events) -> Result<Shop, Error> {
    let aws = Aws::connect(&config.connection).await?;
    let selection = Selection { stacks: Vec::new(), target: Target { local: true } };
    let args = Deploy {
        selection,
        bucket: None,
        require_approval: RequireApproval::Never,
        protected_ok: true,
        leave_retained: true,
        packages: None,
        with_web: false,
    };
    let (_going_on, wish) = watch::channel(Wish::GoOn);
    let context = Context { aws, events: events.clone(), wish };
    let made = ChangeSets::default();
    let prepared = deploy::prepare("local", &args, config, &context).await?.with_change_sets(&made, &context).await?;
    let deployed = deploy::execute(prepared, made, config, &context).await?;
    let output = |stack, key: &str| output(&deployed, stack, key);
    let products_api = output(StackId::Products, "ProductApi")?;
    let answer = events.during("waiting for the shop to answer", local::get(&format!("{products_api}/product"))).await?;
    let answer: Json = serde_json::from_str(&answer).map_err(|error| local::Error::NoAnswer { reason: error.to_string() })?;
    let product = answer.pointer("/products/0/productId").and_then(Json::as_str);
    let product = product.ok_or_else(|| local::Error::NoAnswer { reason: "it has no products".to_owned() })?.to_owned();
    Ok(Shop {
        endpoint: config.connection.endpoint.url().unwrap_or_default().to_owned(),
        cart_api: output(StackId::Cart, "CartApi")?,
        user_pool: output(StackId::Auth, "CognitoUserPoolId")?,
        client: output(StackId::Auth, "CognitoAppClientId")?,
        products_api,
        product,
    })
}

fn output(deployed: &Deployed, stack: StackId, key: &str) -> Result<String, Error> {
    let missing = || local::Error::NoAnswer { reason: format!("the {stack} stack has no output {key}") };
    Ok(deployed.output(stack, key).ok_or_else(missing)?.to_owned())
}

impl Shop {
    fn answer(&self, ending: &str) -> Answer {
        let Self { endpoint, products_api, cart_api, user_pool, client, product } = self;
        let cognito = |action: &str, body: &str| {
            format!(
                "curl -s {endpoint}/ -H 'Content-Type: application/x-amz-json-1.1' \\\n    -H 'X-Amz-Target: AWSCognitoIdentityProviderService.{action}' \\\n    -d '{body}'"
            )
        };
        let sign_up =
            cognito("SignUp", &format!(r#"{{"ClientId":"{client}","Username":"me@example.com","Password":"Local-shop-1"}}"#));
        let confirm = cognito(
            "ConfirmSignUp",
            &format!(r#"{{"ClientId":"{client}","Username":"me@example.com","ConfirmationCode":"000000"}}"#),
        );
        let sign_in = cognito(
            "InitiateAuth",
            &format!(
                r#"{{"ClientId":"{client}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{{"USERNAME":"me@example.com","PASSWORD":"Local-shop-1"}}}}"#
            ),
        );
        let text = format!(
            "
The shop's backend answers.

  products API  {products_api}
  cart API      {cart_api}
  user pool     {user_pool} (client {client})

Try it: look at the products, put two into an anonymous cart, look at the cart
  curl -s {products_api}/product
  curl -s -c /tmp/cart-cookie -b /tmp/cart-cookie {cart_api}/cart \\
    -d '{{\"productId\":\"{product}\",\"quantity\":2}}'
  curl -s -b /tmp/cart-cookie {cart_api}/cart

Sign up, sign in, take the cart along, check out
  {sign_up}
  {confirm}
  TOKEN=$({sign_in} \\
    | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"AuthenticationResult\"][\"IdToken\"])')
  curl -s -X POST -b /tmp/cart-cookie -H \"Authorization: Bearer $TOKEN\" {cart_api}/cart/migrate
  curl -s -X POST -H \"Authorization: Bearer $TOKEN\" {cart_api}/cart/checkout

{ending}
"
        );
        let json = json!({
            "endpoint": endpoint, "products_api": products_api, "cart_api": cart_api, "user_pool_id": user_pool, "user_pool_client_id": client,
        });
        Answer::new(text, json)
    }
}
