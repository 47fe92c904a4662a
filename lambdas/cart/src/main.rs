//! The `bootstrap` of the cart service: finds out which function it is, gives it what it needs, and runs it. The only reader of the
//! environment.

use std::convert::Infallible;

use cart::{
    clients::sdk_config,
    deletions::Deletions,
    fetch::Http,
    handlers::{AddToCart, CheckoutCart, DeleteFromCart, GetCartTotal, ListCart, MigrateCart, UpdateCart, UpdateTotals},
    identity::{Identity, keys::SigningKeys, token::Pool},
    products::Products,
    store::Store,
};
use cart_contract::{CartAndProductsEnv, CartEnv, CartFunction, Env as _, MigrateEnv, TableAndOriginEnv, TableEnv};
use cart_shared::{Cors, StartError, serve};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let handler = variable("_HANDLER")?;
    let function = CartFunction::from_handler(&handler).ok_or(StartError::UnknownFunction(handler))?;
    let aws = sdk_config(variable)?;
    let store = |table| Store::new(aws_sdk_dynamodb::Client::new(&aws), table);
    match function {
        CartFunction::ListCart => {
            let CartEnv { allowed_origin, table_name, token_issuer, jwks_url, user_pool_client_id } = CartEnv::read(variable)?;
            let identity = identity(Http::new()?, token_issuer, user_pool_client_id, jwks_url);
            serve(cors(&allowed_origin)?, ListCart { identity, store: store(table_name) }).await
        }
        CartFunction::AddToCart => {
            let (origin, identity, products, table) = shopping()?;
            serve(cors(&origin)?, AddToCart { identity, products, store: store(table) }).await
        }
        CartFunction::UpdateCart => {
            let (origin, identity, products, table) = shopping()?;
            serve(cors(&origin)?, UpdateCart { identity, products, store: store(table) }).await
        }
        CartFunction::MigrateCart => {
            let MigrateEnv { allowed_origin, table_name, delete_queue_url } = MigrateEnv::read(variable)?;
            let deletions = Deletions::new(aws_sdk_sqs::Client::new(&aws), delete_queue_url);
            serve(cors(&allowed_origin)?, MigrateCart { store: store(table_name), deletions }).await
        }
        CartFunction::CheckoutCart => {
            let TableAndOriginEnv { allowed_origin, table_name } = TableAndOriginEnv::read(variable)?;
            serve(cors(&allowed_origin)?, CheckoutCart { store: store(table_name) }).await
        }
        CartFunction::GetCartTotal => {
            let TableAndOriginEnv { allowed_origin, table_name } = TableAndOriginEnv::read(variable)?;
            serve(cors(&allowed_origin)?, GetCartTotal { store: store(table_name) }).await
        }
        CartFunction::DeleteFromCart => {
            let TableEnv { table_name } = TableEnv::read(variable)?;
            let function = DeleteFromCart { store: store(table_name) };
            lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Infallible>(function.handle(event).await))).await
        }
        CartFunction::UpdateTotals => {
            let TableEnv { table_name } = TableEnv::read(variable)?;
            let function = UpdateTotals { store: store(table_name) };
            lambda_runtime::run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Infallible>(function.handle(event).await))).await
        }
    }
}

/// What the two functions need that put products into carts.
fn shopping() -> Result<(String, Identity, Products, String), lambda_runtime::Error> {
    let env = CartAndProductsEnv::read(variable)?;
    let http = Http::new()?;
    let identity = identity(http.clone(), env.token_issuer, env.user_pool_client_id, env.jwks_url);
    Ok((env.allowed_origin, identity, Products::new(http, env.product_service_url), env.table_name))
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
