//! The `bootstrap` of the cart service: finds out which function it is, gives it what it needs, and runs it. The only reader of the
//! environment.

use std::convert::Infallible;

use aws_types::SdkConfig;
use cart::{
    clients::sdk_config,
    clock,
    deletions::Deletions,
    fetch::Http,
    handlers::{AddToCart, CheckoutCart, DeleteFromCart, GetCartTotal, ListCart, MigrateCart, UpdateCart, UpdateTotals},
    identity::{Identity, keys::SigningKeys, token::Pool},
    products::Products,
    store::Store,
    warm_up,
};
use cart_contract::{CartAndProductsEnv, CartEnv, CartFunction, Env as _, MigrateEnv, TableAndOriginEnv, TableEnv};
use cart_shared::{Cors, StartError, serve};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tokio::join;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let handler = variable("_HANDLER")?;
    let function = CartFunction::from_handler(&handler).ok_or(StartError::UnknownFunction(handler))?;
    let http = Http::new();
    let aws = sdk_config(&http, variable)?;
    match function {
        CartFunction::ListCart => {
            let env = CartEnv::read(variable)?;
            let identity = identity(http, env.token_issuer, env.user_pool_client_id, env.jwks_url);
            let store = store(&aws, env.table_name);
            warm_up(async { join!(identity.prepare(clock::now()), store.connect()) }).await;
            serve(cors(&env.allowed_origin)?, ListCart { identity, store }).await
        }
        CartFunction::AddToCart => {
            let (cors, identity, products, store) = shopping(http, &aws).await?;
            serve(cors, AddToCart { identity, products, store }).await
        }
        CartFunction::UpdateCart => {
            let (cors, identity, products, store) = shopping(http, &aws).await?;
            serve(cors, UpdateCart { identity, products, store }).await
        }
        CartFunction::MigrateCart => {
            let env = MigrateEnv::read(variable)?;
            let deletions = Deletions::new(aws_sdk_sqs::Client::new(&aws), env.delete_queue_url);
            let store = store(&aws, env.table_name);
            warm_up(async { join!(store.connect(), deletions.connect()) }).await;
            serve(cors(&env.allowed_origin)?, MigrateCart { store, deletions }).await
        }
        CartFunction::CheckoutCart => {
            let env = TableAndOriginEnv::read(variable)?;
            serve(cors(&env.allowed_origin)?, CheckoutCart { store: open_store(&aws, env.table_name).await }).await
        }
        CartFunction::GetCartTotal => {
            let env = TableAndOriginEnv::read(variable)?;
            serve(cors(&env.allowed_origin)?, GetCartTotal { store: open_store(&aws, env.table_name).await }).await
        }
        CartFunction::DeleteFromCart => {
            let function = DeleteFromCart { store: open_store(&aws, TableEnv::read(variable)?.table_name).await };
            lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Infallible>(function.handle(event).await))).await
        }
        CartFunction::UpdateTotals => {
            let function = UpdateTotals { store: open_store(&aws, TableEnv::read(variable)?.table_name).await };
            lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Infallible>(function.handle(event).await))).await
        }
    }
}

/// What the two functions need that put products into carts, its connections open.
async fn shopping(http: Http, aws: &SdkConfig) -> Result<(Cors, Identity, Products, Store), Error> {
    let env = CartAndProductsEnv::read(variable)?;
    let cors = cors(&env.allowed_origin)?;
    let identity = identity(http.clone(), env.token_issuer, env.user_pool_client_id, env.jwks_url);
    let products = Products::new(http, env.product_service_url);
    let store = store(aws, env.table_name);
    warm_up(async { join!(identity.prepare(clock::now()), products.connect(), store.connect()) }).await;
    Ok((cors, identity, products, store))
}

async fn open_store(aws: &SdkConfig, table: String) -> Store {
    let store = store(aws, table);
    warm_up(store.connect()).await;
    store
}

/// Waits for connections to open before anybody waits for an answer.
async fn warm_up(connecting: impl Future) {
    warm_up::within(warm_up::LIMIT, connecting).await;
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
