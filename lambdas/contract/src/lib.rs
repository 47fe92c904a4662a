//! What the infrastructure promises the Lambda functions: which functions there are, and the environment each reads.
//!
//! `infra` writes these values into templates, the services read them at start. Neither can drift from the other, because both use
//! the types below: a variable the code reads and the template forgets does not compile. What is kept in the table of carts is in
//! [`table`], which site may call in [`cors`]. Knows nothing of AWS.

pub mod cors;
pub mod metric;
pub mod table;

use std::fmt;

pub use cors::{NotAnOrigin, Origin};
pub use metric::Metric;

/// A deployable binary. All functions of a service share one `bootstrap`; the Lambda handler names the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// The product catalogue.
    Products,
    /// The shopping cart.
    Cart,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 2] = [Self::Products, Self::Cart];

    /// The name of its package and of its binary in this workspace.
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

/// The environment of a function, `V` being `String` where it runs and a template value where it is defined.
pub trait Env<V>: Sized {
    /// The names and values, in the order they are declared.
    fn pairs(self) -> Vec<(&'static str, V)>;

    /// Builds the environment by asking `lookup` for each name.
    ///
    /// # Errors
    /// The first error `lookup` returns.
    fn read<E>(lookup: impl FnMut(&'static str) -> Result<V, E>) -> Result<Self, E>;
}

/// A Lambda function at the type level: where its code is, and the environment it reads.
pub trait Function {
    /// The value of Lambda's `Handler` setting, by which the binary knows which function it is.
    const HANDLER: &'static str;
    /// The binary that contains it.
    const SERVICE: Service;
    /// What it reads from its environment.
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
            /// Every function of the service, in the order they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The value of Lambda's `Handler` setting.
            #[must_use]
            pub const fn handler(self) -> &'static str {
                match self { $(Self::$name => $handler),+ }
            }

            /// The function a handler names, if this service has it.
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
    /// What every function reads besides what is its own.
    CommonEnv {
        /// The name of the stack it is in, by which its metrics are told from those of another stage in the same account.
        stack_name: "STACK_NAME",
    }
}

env! {
    /// What both catalogue functions read.
    CatalogueEnv {
        /// The one origin a browser may call from, for example `https://shop.example`.
        allowed_origin: "ALLOWED_ORIGIN",
    }
}

env! {
    /// What a function reads that works on the caller's cart, whoever the caller is.
    CartEnv {
        /// The one origin a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `iss` of acceptable tokens: `https://cognito-idp.{region}.amazonaws.com/{pool id}`.
        token_issuer: "TOKEN_ISSUER",
        /// Where the keys are that sign tokens (a JSON Web Key Set).
        jwks_url: "JWKS_URL",
        /// The `aud` (id tokens) or `client_id` (access tokens) of acceptable tokens.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
    }
}

env! {
    /// What a function reads that also looks products up.
    CartAndProductsEnv {
        /// The one origin a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `iss` of acceptable tokens.
        token_issuer: "TOKEN_ISSUER",
        /// Where the keys are that sign tokens (a JSON Web Key Set).
        jwks_url: "JWKS_URL",
        /// The `aud` (id tokens) or `client_id` (access tokens) of acceptable tokens.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
        /// The base URL of the products API, without a slash at the end.
        product_service_url: "PRODUCT_SERVICE_URL",
    }
}

env! {
    /// What the migration reads.
    MigrateEnv {
        /// The one origin a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `aud` or `client_id` of acceptable tokens, which API Gateway has verified, but not that.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
        /// The queue of anonymous items to delete.
        deletions_queue_url: "DELETIONS_QUEUE_URL",
    }
}

env! {
    /// What the checkout reads.
    CheckoutEnv {
        /// The one origin a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The `aud` or `client_id` of acceptable tokens, which API Gateway has verified, but not that.
        user_pool_client_id: "USER_POOL_CLIENT_ID",
    }
}

env! {
    /// What a function reads that answers a browser from the table alone.
    TableAndOriginEnv {
        /// The one origin a browser may call from.
        allowed_origin: "ALLOWED_ORIGIN",
        /// The name of the cart table.
        table_name: "TABLE_NAME",
    }
}

env! {
    /// What a function reads that no browser calls: it has nobody to tell what cannot be done.
    BackgroundEnv {
        /// The name of the cart table.
        table_name: "TABLE_NAME",
        /// The queue of what cannot be done, for people to look at.
        dead_letter_queue_url: "DEAD_LETTER_QUEUE_URL",
    }
}

/// How often a message of the queue of deletions is received at most: whoever fails with it for the last time can say why, before the
/// queue moves it to the dead letters without a word.
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
        /// Deletes migrated anonymous items, from the queue.
        DeleteMigrated = "delete-migrated" reads BackgroundEnv,
        /// Keeps the totals, from the table's stream.
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
