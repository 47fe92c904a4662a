//! The catalogue of products, which is public by design.

use cart_contract::{CatalogueEnv, GetProduct, ListProducts};
use cfn::{
    Mebibytes, Published, Seconds, Shared, Stack,
    resource::api_gateway::Authorization,
    value::{ApiId, ApiUrl},
};

use super::PRODUCTS;
use crate::{
    construct::{
        function::{self, Definition},
        rest_api::{Api, Cors, Throttle, Verb},
    },
    settings::Settings,
};

/// The base URL of the products API.
pub const PRODUCTS_API_URL: Shared<ApiUrl> =
    Shared::at("products/products-api-url", "ProductServiceUrl", "The base URL of the products API");

/// The identifier of the products API, for the distribution in front of it.
pub const PRODUCTS_API_ID: Shared<ApiId> = Shared::at("products/products-api-id", "ProductsApiId", "The products API");

/// Twice the limits of other routes: customers look at products, and the cart looks up every product that is added.
const LOOK_UPS: Throttle = Throttle { rate: 200, burst: 400 };

/// The values that this stack publishes.
#[derive(Debug)]
pub(crate) struct Products {
    /// The base URL of the products API.
    pub api_url: Published<ApiUrl>,
    /// The identifier of the products API.
    pub api_id: Published<ApiId>,
}

pub(crate) fn stack(settings: &Settings) -> (Stack, Products) {
    let mut stack = settings.names.stack(PRODUCTS, "Shopping cart: the product catalogue");
    let concurrency = function::reserved_concurrency(&mut stack, settings.reserved_concurrency);
    let environment = CatalogueEnv { allowed_origin: settings.allowed_origin.as_str().into() };

    let list = function::add(
        &mut stack,
        settings,
        Definition {
            function: ListProducts,
            id: "ListProductsHandler",
            description: "Lists the products",
            environment: environment.clone(),
            permissions: Vec::new(),
            memory: Mebibytes::new(256),
            timeout: Seconds::new(5),
            reserved_concurrency: Some(concurrency.clone()),
        },
    );
    let get = function::add(
        &mut stack,
        settings,
        Definition {
            function: GetProduct,
            id: "GetProductHandler",
            description: "Shows one product",
            environment,
            permissions: Vec::new(),
            memory: Mebibytes::new(256),
            timeout: Seconds::new(5),
            reserved_concurrency: Some(concurrency),
        },
    );

    let cors = Cors { origin: &settings.allowed_origin, credentials: false };
    let mut api = Api::new(&mut stack, "ProductsRestApi", "The product catalogue", cors);
    api.route(Verb::Get, "/product", Authorization::None, &list);
    api.route(Verb::Get, "/product/{product_id}", Authorization::None, &get);
    api.throttle(Verb::Get, "/product/{product_id}", LOOK_UPS);
    let api = api.serve(settings);

    let url = settings.endpoints.api_url(&api);
    let published = Products {
        api_url: stack.publish("GetProductApiUrl", &PRODUCTS_API_URL, url.clone()),
        api_id: stack.publish("ProductsApiIdParameter", &PRODUCTS_API_ID, api.id()),
    };
    stack.succeeds(["GetProductApiUrl"]);
    stack.allow_site();
    stack.output("ProductApi", "The base URL of the products API", url);
    (stack, published)
}
