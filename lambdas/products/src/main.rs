//! The `bootstrap` of the products service: finds out which function it is, and runs it. The only reader of the environment.

use std::process::ExitCode;

use cart_contract::{CatalogueEnv, Env as _, ProductsFunction};
use cart_shared::{Cors, StartError, serve, start};
use lambda_runtime::Error;
use products::{
    catalogue::Catalogue,
    handlers::{GetProduct, ListProducts},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start(variable, run).await
}

async fn run(handler: String) -> Result<(), Error> {
    let function = ProductsFunction::from_handler(&handler).ok_or(StartError::UnknownFunction(handler))?;
    let env = CatalogueEnv::read(variable)?;
    let cors = Cors::anonymous(env.allowed_origin.parse().map_err(StartError::Origin)?);
    let catalogue = Catalogue::bundled()?;
    match function {
        ProductsFunction::ListProducts => serve(cors, ListProducts::of(&catalogue)).await,
        ProductsFunction::GetProduct => serve(cors, GetProduct(catalogue)).await,
    }
}

fn variable(name: &'static str) -> Result<String, StartError> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    std::env::var(name).map_err(|_| StartError::Missing(name))
}
