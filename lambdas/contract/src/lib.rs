//! The contract between the infrastructure and the Lambda functions: which functions exist, and which environment each of them reads.
//!
//! `infra` writes these values into templates, and the services read them at start. Neither can drift from the other, because both use
//! the types below: a variable that the code reads and the template forgets does not compile. The contents of the table of carts are in
//! [`table`], the site that may call is in [`cors`]. Knows nothing of
//! AWS but the names of DynamoDB's actions.

pub mod cookie;
pub mod cors;
pub mod metric;
pub mod table;

use std::fmt;

pub use cookie::{CookieScope, NotAScope};
pub use cors::{NotAnOrigin, Origin};
pub use metric::Metric;

/// A deployable binary. All functions of a service share one `bootstrap`; Lambda's `Handler` setting names the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// The product catalogue.
    Products,
    /// The shopping cart.
    Cart,
}

impl Service {
    /// All services, in the order in which they are packaged.
    pub const ALL: [Self; 2] = [Self::Products, Self::Cart];

    /// The name of the package and of its binary in this workspace.
    #[must_use]
    pub const fn bin(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Cart => "cart",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.bin())
    }
}

/// The environment of a function. `V` is `String` where the function runs, and a template value where it is defined.
pub trait Env<V>: Sized {
    /// The names and values, in the order of their declaration.
    fn pairs(self) -> Vec<(&'static str, V)>;

    /// Builds the environment by asking `lookup` for each name.
    ///
    /// # Errors
    /// The first error `lookup` returns.
    fn read<E>(lookup: impl FnMut(&'static str) -> Result<V, E>) -> Result<Self, E>;
}

/// A Lambda function at the type level.
pub trait Function {
    /// The value of Lambda's `Handler` setting, from which the binary knows which function it is.
    const HANDLER: &'static str;
    /// The binary that contains the function.
    const SERVICE: Service;
    /// The variables that the function reads, besides [`CommonEnv`].
    type Env<V>: Env<V>;
}

macro_rules! env {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $variable:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<V> { $($(#[$field_doc])* pub $field: V),+ }

        impl<V> Env<V> for $name<V> {
            fn pairs(self) -> Vec<(&'static str, V)> {
                vec![$(($variable, self.$field)),+]
            }

            fn read<E>(mut lookup: impl FnMut(&'static str) -> Result<V, E>) -> Result<Self, E> {
                Ok(Self { $($field: lookup($variable)?),+ })
            }
        }
    };
}

macro_rules! functions {
    ($(#[$enum_doc:meta])* $enum:ident in $service:ident { $($(#[$doc:meta])* $name:ident = $handler:literal reads $env:ident),+ $(,)? }) => {
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $enum { $($(#[$doc])* $name),+ }

        impl $enum {
            /// Every function of the service, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The value of Lambda's `Handler` setting.
            #[must_use]
            pub const fn handler(self) -> &'static str {
                match self { $(Self::$name => $handler),+ }
            }

            /// The function that a handler names, if it is one of this service.
            #[must_use]
            pub fn from_handler(handler: &str) -> Option<Self> {
                match handler { $($handler => Some(Self::$name),)+ _ => None }
            }
        }

        $($(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Function for $name {
            const HANDLER: &'static str = $handler;
            const SERVICE: Service = Service::$service;
            type Env<V> = $env<V>;
        })+
    };
}

env! {
    /// The environment of every function, besides its own.
    CommonEnv {
        /// The name of the function's stack, which distinguishes its metrics from those of another stage in the same account.
        stack_name: "STACK_NAME",
    }
}

env! {
    /// The environment of both functions of the catalogue.
    CatalogueEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
    }
}

env! {
    /// The environment of a function for the cart of any caller, with or without a token.
    CartEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The [`CookieScope`] of anonymous carts.
        cart_cookie: "CART_COOKIE",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `iss` of acceptable tokens: `https://cognito-idp.{region}.amazonaws.com/{pool id}`.
        token_issuer: "TOKEN_ISSUER",
        /// The URL of the JSON Web Key Set whose keys sign tokens.
        jwks_url: "JWKS_URL",
        /// The client id that a token has to name: as `aud` in an id token, as `client_id` in an access token.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
    }
}

env! {
    /// The environment of a function that also looks up products.
    CartAndProductsEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The [`CookieScope`] of anonymous carts.
        cart_cookie: "CART_COOKIE",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `iss` of acceptable tokens.
        token_issuer: "TOKEN_ISSUER",
        /// The URL of the JSON Web Key Set whose keys sign tokens.
        jwks_url: "JWKS_URL",
        /// The client id that a token has to name: as `aud` in an id token, as `client_id` in an access token.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
        /// The base URL of the products API, without a slash at the end.
        product_service_url: "PRODUCT_SERVICE_URL",
    }
}

env! {
    /// The environment of the migration.
    MigrateEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The [`CookieScope`] of anonymous carts.
        cart_cookie: "CART_COOKIE",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The client id that a token's `aud` (or `client_id`) must equal. API Gateway checks the signature but not this claim.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
        /// The URL of the queue of anonymous items to delete.
        deletions_queue_url: "DELETIONS_QUEUE_URL",
    }
}

env! {
    /// The environment of the checkout.
    CheckoutEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The client id that a token's `aud` (or `client_id`) must equal. API Gateway checks the signature but not this claim.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
    }
}

env! {
    /// The environment of a function that answers a browser from the table alone.
    TableAndOriginEnv {
        /// The one [`Origin`] that a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
    }
}

env! {
    /// The environment of a function in the background, which no browser calls.
    BackgroundEnv {
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The URL of the queue for messages and records that the function cannot process. People look at it.
        dead_letter_queue_url: "DEAD_LETTER_QUEUE_URL",
    }
}

/// How often a message of the queue of deletions is received at most. The worker that fails with the last delivery moves the message to the
/// dead letters itself, with the reason, which the queue would not add.
pub const DELETIONS_RECEIVED_AT_MOST: u32 = 5;

functions! {
    /// The functions of the products service.
    ProductsFunction in Products {
        /// `GET /product`
        ListProducts = "list-products" reads CatalogueEnv,
        /// `GET /product/{product_id}`
        GetProduct = "get-product" reads CatalogueEnv,
    }
}

functions! {
    /// The functions of the cart service.
    CartFunction in Cart {
        /// `GET /cart`
        ListCart = "list-cart" reads CartEnv,
        /// `POST /cart`
        AddToCart = "add-to-cart" reads CartAndProductsEnv,
        /// `PUT /cart/{product_id}`
        UpdateCart = "update-cart" reads CartAndProductsEnv,
        /// `POST /cart/migrate`
        MigrateCart = "migrate-cart" reads MigrateEnv,
        /// `POST /cart/checkout`
        CheckoutCart = "checkout-cart" reads CheckoutEnv,
        /// `GET /cart/{product_id}/total`
        GetCartTotal = "get-cart-total" reads TableAndOriginEnv,
        /// Deletes anonymous items that a migration emptied, from the queue.
        DeleteMigrated = "delete-migrated" reads BackgroundEnv,
        /// Counts changes of items into totals, from the table's stream.
        UpdateTotals = "update-totals" reads BackgroundEnv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_names_its_function() {
        for function in CartFunction::ALL {
            assert_eq!(CartFunction::from_handler(function.handler()), Some(*function));
        }
        assert_eq!(ProductsFunction::from_handler("list-cart"), None, "a service has only its own functions");
    }

    #[test]
    fn an_environment_survives_the_way_through_the_template() {
        let env = TableAndOriginEnv { allowed_origin: "http://localhost:8080".to_owned(), table_name: "carts".to_owned() };
        let pairs = env.clone().pairs();
        let read =
            TableAndOriginEnv::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).ok_or(name));
        assert_eq!(read, Ok(env));
    }
}
