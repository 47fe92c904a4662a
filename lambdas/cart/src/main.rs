//! The `bootstrap` of the cart service: finds out which function it is, gives it what it needs, and runs it. The only reader of the
//! environment.

// A request within a span within the runtime's services: the compiler looks 128 types deep, which is a few short.
#![recursion_limit = "256"]

use std::process::ExitCode;

use aws_types::SdkConfig;
use cart::{
    clients::sdk_config,
    dead_letters::DeadLetters,
    deletions::Deletions,
    fetch::Http,
    handlers::{
        AddToCart, CheckoutCart, CountBatches, DeleteFromCart, GetCartTotal, ListCart, MigrateCart, UpdateCart, UpdateTotals,
    },
    identity::{Identity, keys::SigningKeys, token::Pool},
    products::Products,
    store::Store,
};
use cart_contract::{BackgroundEnv, CartAndProductsEnv, CartEnv, CartFunction, Env as _, MigrateEnv, TableAndOriginEnv};
use cart_shared::{Cors, StartError, consume, serve, start};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start(variable, run).await
}

async fn run(handler: String) -> Result<(), Error> {
    let function = CartFunction::from_handler(&handler).ok_or(StartError::UnknownFunction(handler))?;
    let aws = sdk_config(variable)?;
    match function {
        CartFunction::ListCart => {
            let env = CartEnv::read(variable)?;
            let identity = identity(Http::new()?, env.token_issuer, env.user_pool_client_id, env.jwks_url);
            serve(cors(&env.allowed_origin)?, ListCart { identity, store: store(&aws, env.table_name) }).await
        }
        CartFunction::AddToCart => {
            let (cors, identity, products, store) = shopping(&aws)?;
            serve(cors, AddToCart { identity, products, store }).await
        }
        CartFunction::UpdateCart => {
            let (cors, identity, products, store) = shopping(&aws)?;
            serve(cors, UpdateCart { identity, products, store }).await
        }
        CartFunction::MigrateCart => {
            let env = MigrateEnv::read(variable)?;
            let deletions = Deletions::new(aws_sdk_sqs::Client::new(&aws), env.delete_queue_url);
            serve(cors(&env.allowed_origin)?, MigrateCart { store: store(&aws, env.table_name), deletions }).await
        }
        CartFunction::CheckoutCart => {
            let env = TableAndOriginEnv::read(variable)?;
            serve(cors(&env.allowed_origin)?, CheckoutCart { store: store(&aws, env.table_name) }).await
        }
        CartFunction::GetCartTotal => {
            let env = TableAndOriginEnv::read(variable)?;
            serve(cors(&env.allowed_origin)?, GetCartTotal { store: store(&aws, env.table_name) }).await
        }
        CartFunction::DeleteFromCart => {
            let (store, dead_letters) = background(&aws)?;
            consume(DeleteFromCart { store, dead_letters }).await
        }
        CartFunction::UpdateTotals => {
            let (store, dead_letters) = background(&aws)?;
            consume(CountBatches { totals: UpdateTotals { store }, dead_letters }).await
        }
    }
}

/// What the two functions need that no browser calls.
fn background(aws: &SdkConfig) -> Result<(Store, DeadLetters), Error> {
    let env = BackgroundEnv::read(variable)?;
    Ok((store(aws, env.table_name), DeadLetters::new(aws_sdk_sqs::Client::new(aws), env.dead_letter_queue_url)))
}

/// What the two functions need that put products into carts.
fn shopping(aws: &SdkConfig) -> Result<(Cors, Identity, Products, Store), Error> {
    let env = CartAndProductsEnv::read(variable)?;
    let http = Http::new()?;
    let identity = identity(http.clone(), env.token_issuer, env.user_pool_client_id, env.jwks_url);
    Ok((cors(&env.allowed_origin)?, identity, Products::new(http, env.product_service_url), store(aws, env.table_name)))
}

fn store(aws: &SdkConfig, table: String) -> Store {
    Store::new(aws_sdk_dynamodb::Client::new(aws), table)
}

fn identity(http: Http, issuer: String, client_id: String, jwks_url: String) -> Identity {
    Identity::new(Pool { issuer, client_id }, SigningKeys::new(http, jwks_url))
}

fn cors(allowed_origin: &str) -> Result<Cors, StartError> {
    Ok(Cors::with_credentials(allowed_origin.parse()?))
}

fn variable(name: &'static str) -> Result<String, StartError> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    std::env::var(name).map_err(|_| StartError::Missing(name))
}
