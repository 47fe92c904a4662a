//! Answers about the local cloud: where the shop is open, and how it is stopped.

use serde_json::json;

use super::{answer::Answer, here::Here};
use crate::domain::command::Command;

/// Addresses and names of the shop that runs.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    /// None, if the site is left out.
    pub site: Option<String>,
    pub endpoint: String,
    pub products_api: String,
    pub cart_api: String,
    pub user_pool: String,
    pub client: String,
    /// The id of a product.
    pub product: String,
}

/// How long the local cloud runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Another process had started it.
    Already,
    /// This process leaves it running.
    Detached,
    UntilInterrupted,
    /// The same, and edits are picked up.
    WithEdits,
}

/// The end of the local cloud, if it ran.
pub(crate) fn stopped(stopped: bool) -> Answer {
    let text = if stopped { "stopped the local cloud\n" } else { "the local cloud was not running\n" };
    Answer::new(text.to_owned(), json!({ "stopped": stopped }))
}

impl Shop {
    /// Where the shop is open; if `verbose`, with calls to try.
    pub(crate) fn answer(&self, runs: Runs, verbose: bool, here: &Here) -> Answer {
        let Self { site, endpoint, products_api, cart_api, user_pool, client, .. } = self;
        let first = site.as_ref().map_or_else(
            || "The shop's backend answers.\n".to_owned(),
            |site| format!("The shop is open: {site}\n\nNew accounts get no mail: any six digits are the code.\n"),
        );
        let calls = if verbose { self.calls() } else { String::new() };
        let stop = here.complete(&Command::cartctl("local --stop").to_string());
        let ending = match runs {
            Runs::Already => format!("It was running already; {stop} stops it."),
            Runs::Detached => format!("It runs on by itself; {stop} stops it."),
            Runs::UntilInterrupted => "It runs until you press Ctrl-C.".to_owned(),
            Runs::WithEdits => "Edits below lambdas/ and frontend/ are picked up. It runs until you press Ctrl-C.".to_owned(),
        };
        let text = format!(
            "
{first}
  products API  {products_api}
  cart API      {cart_api}
  user pool     {user_pool} (client {client})
{calls}
{ending}
"
        );
        let json = json!({
            "shop": site, "endpoint": endpoint, "products_api": products_api, "cart_api": cart_api, "user_pool_id": user_pool,
            "user_pool_client_id": client,
        });
        Answer::new(text, json)
    }

    /// Calls to try in a terminal.
    fn calls(&self) -> String {
        let Self { endpoint, products_api, cart_api, client, product, .. } = self;
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
        format!(
            "
Look at the products, put two into an anonymous cart, look at the cart
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
"
        )
    }
}
