//! The carts: table, API, migration and totals. Reads values of auth and products.

use cart_contract::{
    AddToCart, BackgroundEnv, CartAndProductsEnv, CartEnv, CartFunction, CheckoutCart, CheckoutEnv, DELETIONS_RECEIVED_AT_MOST,
    DeleteMigrated, Function as _, GetCartTotal, ListCart, Metric, MigrateCart, MigrateEnv, TableAndOriginEnv, UpdateCart,
    UpdateTotals,
    table::{
        self,
        attribute::{EXPIRATION_TIME, PK, SK},
    },
};
use cfn::{
    Mebibytes, Published, Seconds, Shared, Stack,
    policy::Statement,
    resource::{
        api_gateway::Authorization,
        dynamodb::{Billing, Key, PointInTimeRecovery, Stream, Table, TimeToLive},
        lambda::{
            Alias, DestinationConfig, EventSource, EventSourceMapping, Filter, FilterCriteria, OnFailure, ResponseType,
            ScalingConfig, StartingPosition,
        },
        sqs::Queue,
    },
    template::Attributes,
    value::{ApiId, ApiUrl, Handle, Pseudo, UserPoolArn, UserPoolClientId, UserPoolId, Value, When, text},
};
use serde_json::json;

use super::{CART, PRODUCTS, auth::Auth, products::Products};
use crate::{
    construct::{
        function::{self, Definition},
        monitoring::{self, Watched},
        queue,
        rest_api::{Api, Cors, Verb},
    },
    endpoints::token_issuer,
    settings::Settings,
};

/// The base URL of the cart API.
pub const CART_API_URL: Shared<ApiUrl> = Shared::at("shopping-cart/cart-api-url", "CartServiceUrl", "The base URL of the cart API");

/// The identifier of the cart API, for the distribution in front of it.
pub const CART_API_ID: Shared<ApiId> = Shared::at("shopping-cart/cart-api-id", "CartApiId", "The cart API");

/// The values that this stack publishes and another reads.
#[derive(Debug)]
pub(crate) struct Carts {
    /// The identifier of the cart API.
    pub api_id: Published<ApiId>,
}

/// The logical id of the table of carts. [`cart_contract::table`] describes its items.
pub const TABLE: &str = "DynamoDBShoppingCartTable";

/// The time-out for a batch of five deletions, each of which waits for the table for five seconds at most. The rest is for sending
/// messages that failed for the last time to the dead-letter queue.
const DELETE_TIMEOUT: Seconds = Seconds::new(30);

/// Batches of deletions at once: nobody waits for them, so they leave the account's capacity to customers.
const DELETIONS_AT_ONCE: u32 = 5;

pub(crate) fn stack(settings: &Settings, auth: &Auth, products: &Products) -> (Stack, Carts) {
    let mut stack = settings.names.stack(CART, "Shopping cart: the carts");
    let shop = Shop {
        settings,
        user_pool_id: stack.read(&auth.pool_id),
        user_pool_arn: stack.read(&auth.pool_arn),
        user_pool_client_id: stack.read(&auth.client_id),
        products_url: stack.read(&products.api_url),
        concurrency: function::reserved_concurrency(&mut stack, settings.reserved_concurrency),
        table: table(&mut stack, settings),
    };
    let (deletions, dead_letters) = shop.deletions(&mut stack);
    let failures = shop.totals(&mut stack);
    let published = shop.api(&mut stack, &deletions);
    if let Some(monitoring) = &settings.monitoring {
        let watched = Watched {
            stream_reader: UpdateTotals::HANDLER,
            counts: vec![
                (Metric::CartUpdated, AddToCart::HANDLER),
                (Metric::CartUpdated, UpdateCart::HANDLER),
                (Metric::CartMigrated, MigrateCart::HANDLER),
                (Metric::CartCheckedOut, CheckoutCart::HANDLER),
            ],
            work: &deletions,
            failures: [&dead_letters, &failures],
            table: &shop.table,
            // The name of an API is that of its stack.
            apis: [("CartApi", text![Pseudo::StackName]), ("ProductsApi", settings.names.stack_name(PRODUCTS).into())],
        };
        monitoring::add(&mut stack, monitoring, &watched);
    }
    stack.succeeds([TABLE, "CartDeleteSQSQueue", "CartDeleteSQSDLQ", "CartApiUrl"]);
    stack.allow_site();
    stack.expire_items(&shop.table, EXPIRATION_TIME);
    (stack, published)
}

fn table(stack: &mut Stack, settings: &Settings) -> Handle<Table> {
    let table = stack.add_with(
        TABLE,
        Attributes::stateful(settings.removal()),
        &Table {
            key: Key::strings(PK, SK),
            billing: Billing::PayPerRequest,
            stream_specification: Stream::NewAndOldImages,
            time_to_live_specification: TimeToLive { attribute_name: EXPIRATION_TIME, enabled: true },
            deletion_protection_enabled: settings.protected,
            point_in_time_recovery_specification: settings
                .protected
                .then_some(PointInTimeRecovery { point_in_time_recovery_enabled: true }),
        },
    );
    if settings.protected {
        stack.protect_once_created(&table, "DeletionProtectionEnabled", false);
    }
    table
}

/// The values that the parts of this stack share.
struct Shop<'a> {
    settings: &'a Settings,
    user_pool_id: Value<UserPoolId>,
    user_pool_arn: Value<UserPoolArn>,
    user_pool_client_id: Value<UserPoolClientId>,
    products_url: Value<ApiUrl>,
    concurrency: When<u32>,
    table: Handle<Table>,
}

impl Shop<'_> {
    /// The queue of anonymous items that a migration leaves behind, with its worker; and the queue of those that could not be
    /// deleted.
    fn deletions(&self, stack: &mut Stack) -> (Handle<Queue>, Handle<Queue>) {
        let dead_letters = queue::dead_letters(stack, self.settings, "CartDeleteSQSDLQ");
        let queue = queue::work(stack, "CartDeleteSQSQueue", DELETE_TIMEOUT, DELETIONS_RECEIVED_AT_MOST, &dead_letters);
        let worker = function::add(
            stack,
            self.settings,
            Definition {
                function: DeleteMigrated,
                id: "DeleteMigratedHandler",
                description: "Deletes anonymous items that were migrated",
                environment: self.background_environment(&dead_letters),
                permissions: self.items_and(
                    CartFunction::DeleteMigrated,
                    [
                        // With the reason of the failure, which a redrive by SQS would not have.
                        Statement::allow("HandOnFailures", &["sqs:SendMessage"], dead_letters.arn()),
                        // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
                        Statement::allow(
                            "ReceiveMessages",
                            &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                            queue.arn(),
                        ),
                    ],
                ),
                memory: Mebibytes::new(256),
                timeout: DELETE_TIMEOUT,
                reserved_concurrency: None,
            },
        );
        stack.add(
            "DeleteMigratedTrigger",
            &EventSourceMapping {
                function_name: worker.arn(),
                batch_size: 5,
                function_response_types: [ResponseType::ReportBatchItemFailures],
                source: EventSource::Queue {
                    event_source_arn: queue.arn(),
                    scaling_config: Some(ScalingConfig { maximum_concurrency: DELETIONS_AT_ONCE }),
                },
            },
        );
        (queue, dead_letters)
    }

    /// The function that keeps the totals, from the table's stream; and the queue of records that could not be counted.
    fn totals(&self, stack: &mut Stack) -> Handle<Queue> {
        let failures = queue::failures(stack, self.settings, "UpdateTotalsFailures");
        let function = function::add(
            stack,
            self.settings,
            Definition {
                function: UpdateTotals,
                id: "UpdateTotalsHandler",
                description: "Keeps the total of each product over all carts",
                environment: self.background_environment(&failures),
                permissions: self.items_and(
                    CartFunction::UpdateTotals,
                    [
                        Statement::allow(
                            "ReadStream",
                            &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                            self.table.stream_arn(),
                        ),
                        Statement::allow_wildcard(
                            "FindStream",
                            &["dynamodb:ListStreams"],
                            text![&self.table.arn(), "/stream/*"],
                            "listing streams is asked of all streams of a table, not of one",
                        ),
                        Statement::allow("ReportFailures", &["sqs:SendMessage"], failures.arn()),
                    ],
                ),
                memory: Mebibytes::new(256),
                timeout: Seconds::minutes(1),
                reserved_concurrency: None,
            },
        );
        stack.add(
            "UpdateTotalsTrigger",
            &EventSourceMapping {
                function_name: function.arn(),
                batch_size: 100,
                function_response_types: [ResponseType::ReportBatchItemFailures],
                source: EventSource::Stream {
                    event_source_arn: self.table.stream_arn(),
                    // A new mapping takes minutes to start reading. With `LATEST` it would miss changes in these minutes, and the
                    // totals of a new shop would stay wrong. The price is paid once, when a table is taken over from another
                    // function that has counted: the changes of the last day are counted twice.
                    // https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
                    starting_position: StartingPosition::TrimHorizon,
                    maximum_batching_window_in_seconds: Seconds::minutes(1),
                    bisect_batch_on_function_error: true,
                    maximum_retry_attempts: 10,
                    // Six hours: a stream holds a record for a day, so that people can still look at a record that was given up.
                    maximum_record_age_in_seconds: Seconds::hours(6),
                    destination_config: DestinationConfig { on_failure: OnFailure { destination: failures.arn() } },
                    filter_criteria: FilterCriteria { filters: vec![Filter { pattern: items_in_carts() }] },
                },
            },
        );
        failures
    }

    /// The API, and the functions behind it.
    fn api(&self, stack: &mut Stack, deletions: &Handle<Queue>) -> Carts {
        let functions = self.functions(stack, deletions);
        let cors = Cors { origin: &self.settings.allowed_origin, credentials: true };
        let mut api = Api::new(stack, "CartRestApi", "The carts", cors);
        let signed_in = api.signed_in(self.user_pool_arn.clone());
        api.route(Verb::Get, "/cart", Authorization::None, &functions.list);
        api.route(Verb::Post, "/cart", Authorization::None, &functions.add);
        api.route(Verb::Put, "/cart/{product_id}", Authorization::None, &functions.update);
        api.route(Verb::Post, "/cart/migrate", signed_in.clone(), &functions.migrate);
        api.route(Verb::Post, "/cart/checkout", signed_in, &functions.checkout);
        api.route(Verb::Get, "/cart/{product_id}/total", Authorization::None, &functions.total);
        let api = api.serve(self.settings);

        let url = self.settings.endpoints.api_url(&api);
        stack.publish("CartApiUrl", &CART_API_URL, url.clone());
        stack.output("CartApi", "The base URL of the cart API", url);
        Carts { api_id: stack.publish("CartApiIdParameter", &CART_API_ID, api.id()) }
    }

    fn functions(&self, stack: &mut Stack, deletions: &Handle<Queue>) -> Functions {
        let settings = self.settings;
        let concurrency = || Some(self.concurrency.clone());
        Functions {
            list: function::add(
                stack,
                settings,
                Definition {
                    function: ListCart,
                    id: "ListCartHandler",
                    description: "Lists the caller's cart",
                    environment: self.cart_environment(),
                    permissions: self.items(CartFunction::ListCart),
                    memory: Mebibytes::new(512),
                    timeout: Seconds::new(5),
                    reserved_concurrency: concurrency(),
                },
            ),
            add: function::add(
                stack,
                settings,
                Definition {
                    function: AddToCart,
                    id: "AddToCartHandler",
                    description: "Adds to the caller's cart",
                    environment: self.cart_and_products_environment(),
                    permissions: self.items(CartFunction::AddToCart),
                    memory: Mebibytes::new(512),
                    timeout: Seconds::new(10),
                    reserved_concurrency: concurrency(),
                },
            ),
            update: function::add(
                stack,
                settings,
                Definition {
                    function: UpdateCart,
                    id: "UpdateCartHandler",
                    description: "Sets the quantity of a product in the caller's cart",
                    environment: self.cart_and_products_environment(),
                    permissions: self.items(CartFunction::UpdateCart),
                    memory: Mebibytes::new(512),
                    timeout: Seconds::new(10),
                    reserved_concurrency: concurrency(),
                },
            ),
            migrate: function::add(
                stack,
                settings,
                Definition {
                    function: MigrateCart,
                    id: "MigrateCartHandler",
                    description: "Moves the anonymous cart into the user's",
                    environment: self.migrate_environment(deletions),
                    permissions: self.items_and(
                        CartFunction::MigrateCart,
                        [Statement::allow("RequestDeletions", &["sqs:SendMessage"], deletions.arn())],
                    ),
                    memory: Mebibytes::new(512),
                    timeout: Seconds::new(20),
                    reserved_concurrency: concurrency(),
                },
            ),
            checkout: function::add(
                stack,
                settings,
                Definition {
                    function: CheckoutCart,
                    id: "CheckoutCartHandler",
                    description: "Empties the user's cart",
                    environment: CheckoutEnv {
                        allowed_origin: settings.allowed_origin.as_str().into(),
                        table_name: self.table.name().text(),
                        user_pool_client_id: self.user_pool_client_id.clone().text(),
                    },
                    permissions: self.items(CartFunction::CheckoutCart),
                    memory: Mebibytes::new(512),
                    timeout: Seconds::new(20),
                    reserved_concurrency: concurrency(),
                },
            ),
            total: function::add(
                stack,
                settings,
                Definition {
                    function: GetCartTotal,
                    id: "GetCartTotalHandler",
                    description: "Shows the total of a product over all carts",
                    environment: self.table_and_origin_environment(),
                    permissions: self.items(CartFunction::GetCartTotal),
                    memory: Mebibytes::new(256),
                    timeout: Seconds::new(5),
                    reserved_concurrency: concurrency(),
                },
            ),
        }
    }

    /// The permissions of a function for the items that it uses, and for nothing else in the table.
    fn items(&self, function: CartFunction) -> Vec<Statement> {
        let statement = |it: &table::Use| {
            let patterns: Vec<_> = it.partitions.iter().flat_map(|part| part.patterns()).collect();
            Statement::allow(it.purpose, it.actions, self.table.arn()).on_partitions(&patterns)
        };
        function.uses().iter().map(statement).collect()
    }

    /// The same, and these.
    fn items_and<const N: usize>(&self, function: CartFunction, others: [Statement; N]) -> Vec<Statement> {
        self.items(function).into_iter().chain(others).collect()
    }

    fn cart_environment(&self) -> CartEnv<Value<String>> {
        CartEnv {
            allowed_origin: self.settings.allowed_origin.as_str().into(),
            cart_cookie: self.settings.cart_cookie.to_string().into(),
            table_name: self.table.name().text(),
            token_issuer: token_issuer(&self.user_pool_id),
            jwks_url: self.settings.endpoints.jwks_url(&self.user_pool_id),
            user_pool_client_id: self.user_pool_client_id.clone().text(),
        }
    }

    fn cart_and_products_environment(&self) -> CartAndProductsEnv<Value<String>> {
        let CartEnv { allowed_origin, cart_cookie, table_name, token_issuer, jwks_url, user_pool_client_id } =
            self.cart_environment();
        CartAndProductsEnv {
            allowed_origin,
            cart_cookie,
            table_name,
            token_issuer,
            jwks_url,
            user_pool_client_id,
            product_service_url: self.products_url.clone().text(),
        }
    }

    fn migrate_environment(&self, deletions: &Handle<Queue>) -> MigrateEnv<Value<String>> {
        MigrateEnv {
            allowed_origin: self.settings.allowed_origin.as_str().into(),
            cart_cookie: self.settings.cart_cookie.to_string().into(),
            table_name: self.table.name().text(),
            user_pool_client_id: self.user_pool_client_id.clone().text(),
            deletions_queue_url: deletions.url().text(),
        }
    }

    fn background_environment(&self, dead_letters: &Handle<Queue>) -> BackgroundEnv<Value<String>> {
        BackgroundEnv { table_name: self.table.name().text(), dead_letter_queue_url: dead_letters.url().text() }
    }

    fn table_and_origin_environment(&self) -> TableAndOriginEnv<Value<String>> {
        TableAndOriginEnv { allowed_origin: self.settings.allowed_origin.as_str().into(), table_name: self.table.name().text() }
    }
}

/// The functions behind the API.
struct Functions {
    list: Handle<Alias>,
    add: Handle<Alias>,
    update: Handle<Alias>,
    migrate: Handle<Alias>,
    checkout: Handle<Alias>,
    total: Handle<Alias>,
}

/// The changes that totals depend on: those of items in carts. Changes of totals are left out, because they would call the function
/// again.
///
/// See [filtering](https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html).
fn items_in_carts() -> String {
    let owners = table::OWNERS.map(|prefix| json!({ "prefix": prefix }));
    json!({ "dynamodb": { "Keys": { PK: { "S": owners }, SK: { "S": [{ "prefix": table::PRODUCT }] } } } }).to_string()
}
