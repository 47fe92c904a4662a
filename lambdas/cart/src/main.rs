//! The `bootstrap` of the cart service: makes the function that Lambda's `Handler` setting names, and runs it. The only reader of the
//! environment.

// A request within a span within the runtime's services nests a few types deeper than the compiler's default of 128.
#![recursion_limit = "256"]

use std::process::ExitCode;

use cart::{
    aws::Account,
    clock,
    dead_letters::DeadLetters,
    deletions::Deletions,
    fetch::Http,
    handlers::{
        AddToCart, CheckoutCart, CountBatches, DeleteMigrated, GetCartTotal, ListCart, MigrateCart, UpdateCart, UpdateTotals,
    },
    identity::{Identity, SignedIn, keys::SigningKeys, token::Pool},
    products::Products,
    store::Store,
    subsegments::Subsegments,
    waiting::Waiting,
    warm_up,
};
use cart_contract::{
    BackgroundEnv, CartAndProductsEnv, CartEnv, CartFunction, CheckoutEnv, CookieScope, Env as _, MigrateEnv, TableAndOriginEnv,
};
use cart_shared::{Cors, StartError, consume, serve, start};
use lambda_runtime::Error;
use tokio::join;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start(variable, run).await
}

async fn run(handler: String) -> Result<(), Error> {
    let function = CartFunction::from_handler(&handler).ok_or(StartError::UnknownFunction(handler))?;
    let http = Http::new().traced(Subsegments::new(variable));
    let aws = Account::new(http.clone(), variable)?;
    match function {
        CartFunction::ListCart => {
            let env = CartEnv::read(variable)?;
            let pool = Pool { issuer: env.token_issuer, client_id: env.user_pool_client_id };
            let identity = identity(http, pool, env.jwks_url, &env.cart_cookie)?;
            let store = Store::new(aws.dynamodb(), env.table_name);
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
            let deletions = Deletions::new(aws.sqs(), env.deletions_queue_url);
            let store = Store::new(aws.dynamodb(), env.table_name);
            warm_up(async { join!(store.connect(), deletions.connect()) }).await;
            let signed_in = SignedIn { client_id: env.user_pool_client_id };
            let cookies = cookies(&env.cart_cookie)?;
            serve(cors(&env.allowed_origin)?, MigrateCart { signed_in, store, deletions, cookies }).await
        }
        CartFunction::CheckoutCart => {
            let env = CheckoutEnv::read(variable)?;
            let signed_in = SignedIn { client_id: env.user_pool_client_id };
            serve(cors(&env.allowed_origin)?, CheckoutCart { signed_in, store: open_store(&aws, env.table_name).await }).await
        }
        CartFunction::GetCartTotal => {
            let env = TableAndOriginEnv::read(variable)?;
            serve(cors(&env.allowed_origin)?, GetCartTotal { store: open_store(&aws, env.table_name).await }).await
        }
        CartFunction::DeleteMigrated => {
            let (store, dead_letters) = background(&aws).await?;
            consume(DeleteMigrated { store, dead_letters }).await
        }
        CartFunction::UpdateTotals => {
            let (store, dead_letters) = background(&aws).await?;
            consume(CountBatches { totals: UpdateTotals { store }, dead_letters }).await
        }
    }
}

/// The clients of both background functions. Connects to the table only: dead letters are too rare to connect to their queue beforehand.
async fn background(aws: &Account) -> Result<(Store, DeadLetters), Error> {
    let env = BackgroundEnv::read(variable)?;
    let dead_letters = DeadLetters::new(aws.sqs(), env.dead_letter_queue_url);
    Ok((open_store(aws, env.table_name).await, dead_letters))
}

/// The clients of both functions that put products into carts, with open connections.
async fn shopping(http: Http, aws: &Account) -> Result<(Cors, Identity, Products, Store), Error> {
    let env = CartAndProductsEnv::read(variable)?;
    let cors = cors(&env.allowed_origin)?;
    let pool = Pool { issuer: env.token_issuer, client_id: env.user_pool_client_id };
    let identity = identity(http.clone(), pool, env.jwks_url, &env.cart_cookie)?;
    let products = Products::new(http, env.product_service_url);
    let store = Store::new(aws.dynamodb(), env.table_name);
    warm_up(async { join!(identity.prepare(clock::now()), products.connect(), store.connect()) }).await;
    Ok((cors, identity, products, store))
}

async fn open_store(aws: &Account, table: String) -> Store {
    let store = Store::new(aws.dynamodb(), table);
    warm_up(store.connect()).await;
    store
}

async fn warm_up(connecting: impl Future) {
    warm_up::within_limit(&Waiting::by_the_clock(), connecting).await;
}

fn identity(http: Http, pool: Pool, jwks_url: String, cart_cookie: &str) -> Result<Identity, StartError> {
    Ok(Identity::new(pool, SigningKeys::new(http, jwks_url), cookies(cart_cookie)?))
}

fn cookies(cart_cookie: &str) -> Result<CookieScope, StartError> {
    Ok(cart_cookie.parse()?)
}

fn cors(allowed_origin: &str) -> Result<Cors, StartError> {
    Ok(Cors::with_credentials(allowed_origin.parse()?))
}

fn variable(name: &'static str) -> Result<String, StartError> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).map_err(|_| StartError::Missing(name))
}
