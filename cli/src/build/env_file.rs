//! The frontend's configuration: from what the stacks published to the text of its `.env`. Knows nothing of AWS, and
//! reads one file, the template.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{App, Stack, StackId};
use handlebars::{Handlebars, no_escape};
use serde::Serialize;

/// The template, relative to the workspace.
const TEMPLATE: &str = "templates/env.hbs";

/// What the frontend has to know. The field names are those `templates/env.hbs` uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FrontendEnv {
    cart_api_url: String,
    products_api_url: String,
    user_pool_id: String,
    user_pool_client_id: String,
    region: String,
    /// Where accounts are, if not at AWS.
    cognito_endpoint: Option<String>,
}

/// Why there is no configuration for the frontend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The stacks have not published everything.
    #[error("not published yet: {}", missing.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(", "))]
    Missing {
        /// The parameters that are not there, each with the stack that publishes it.
        missing: Vec<(String, StackId)>,
    },
    /// A published value would break the file.
    #[error("the value of {path} has a line break or another control character")]
    Unsafe {
        /// The parameter.
        path: String,
    },
    /// The template asks for something there is not, or cannot be read.
    #[error("rendering {template} failed: {message}")]
    Render {
        /// The template.
        template: Utf8PathBuf,
        /// Why.
        message: String,
    },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { missing } => {
                let mut stacks: Vec<_> = missing.iter().map(|(_, stack)| stack.to_string()).collect();
                stacks.sort();
                stacks.dedup();
                Some(format!("`cartctl deploy {}` publishes them", stacks.join(" ")))
            }
            Self::Unsafe { path } => {
                Some(format!("somebody else wrote {path}; deploying the stack that publishes it sets it right"))
            }
            Self::Render { .. } => None,
        }
    }
}

impl FrontendEnv {
    /// Picks what the frontend needs from `published` parameters.
    ///
    /// # Errors
    /// [`Error::Missing`] names everything that is not there, [`Error::Unsafe`] the first value that would break the file.
    pub(crate) fn collect(app: &App, published: &BTreeMap<String, String>, region: &str) -> Result<Self, Error> {
        let mut missing = Vec::new();
        let mut broken = None;
        let mut pick = |stack: StackId, name: &str| {
            let path = path(app, stack, name);
            let Some(value) = published.get(&path) else {
                missing.push((path, stack));
                return String::new();
            };
            if value.chars().any(char::is_control) {
                broken = Some(path);
            }
            value.clone()
        };
        let env = Self {
            cart_api_url: pick(StackId::Cart, "/cart-api-url"),
            products_api_url: pick(StackId::Products, "/products-api-url"),
            user_pool_id: pick(StackId::Auth, "/user-pool-id"),
            user_pool_client_id: pick(StackId::Auth, "/user-pool-client-id"),
            region: region.to_owned(),
            cognito_endpoint: None,
        };
        match (missing.is_empty(), broken) {
            (false, _) => Err(Error::Missing { missing }),
            (true, Some(path)) => Err(Error::Unsafe { path }),
            (true, None) => Ok(env),
        }
    }

    /// What stands for it as long as nothing is deployed to the local cloud at `base_url`: values of the same form, which can be found
    /// again in a page that was built with them.
    pub(crate) fn stand_in(base_url: &str, region: &str) -> Self {
        let env = Self {
            cart_api_url: format!("{base_url}/stand-in/cart-api"),
            products_api_url: format!("{base_url}/stand-in/products-api"),
            user_pool_id: "stand-in_pool".to_owned(),
            user_pool_client_id: "stand-in-client".to_owned(),
            region: region.to_owned(),
            cognito_endpoint: None,
        };
        env.beside(base_url)
    }

    /// The same for a shop in a browser beside the local cloud at `base_url`, such as `http://127.0.0.1:4566`: accounts are there too, and
    /// it is called `localhost`, as the shop is. To a browser the number is another site, whose cookies it keeps from the shop's page.
    pub(crate) fn beside(mut self, base_url: &str) -> Self {
        let named = base_url.replacen("//127.0.0.1", "//localhost", 1);
        for url in [&mut self.cart_api_url, &mut self.products_api_url] {
            if let Some(path) = url.strip_prefix(base_url) {
                *url = format!("{named}{path}");
            }
        }
        self.cognito_endpoint = Some(format!("{named}/"));
        self
    }

    /// The same for a page at `url`, such as `https://d1.cloudfront.net`, behind which the APIs are too.
    pub(crate) fn at(mut self, url: &str) -> Self {
        for api in [&mut self.cart_api_url, &mut self.products_api_url] {
            *api = format!("{url}/{}", cart_infra::API_STAGE);
        }
        self
    }

    /// Renders `templates/env.hbs` of this workspace.
    ///
    /// # Errors
    /// [`Error::Render`], also where the template names something that is not a field.
    pub(crate) fn render(&self, workspace: &Utf8Path) -> Result<String, Error> {
        let template = workspace.join(TEMPLATE);
        let failed = |message: String| Error::Render { template: template.clone(), message };
        let text = std::fs::read_to_string(&template).map_err(|error| failed(error.to_string()))?;
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        // The default escapes for HTML, which damages URLs.
        handlebars.register_escape_fn(no_escape);
        handlebars.render_template(&text, self).map_err(|error| failed(error.to_string()))
    }
}

/// The full name of what `stack` publishes under a name that ends like this.
fn path(app: &App, stack: StackId, name: &str) -> String {
    let published = app.stack(stack).map(Stack::publishes).unwrap_or_default();
    published.iter().find(|path| path.ends_with(name)).map_or_else(|| name.to_owned(), Clone::clone)
}

/// The variables of a rendered `.env`, in order.
pub(crate) fn variables(rendered: &str) -> Vec<(&str, &str)> {
    rendered.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> FrontendEnv {
        FrontendEnv {
            cart_api_url: "https://a.example/Prod?x=1&y='2'".to_owned(),
            products_api_url: "https://b.example/Prod".to_owned(),
            user_pool_id: "eu-west-1_abc".to_owned(),
            user_pool_client_id: "client".to_owned(),
            region: "eu-west-1".to_owned(),
            cognito_endpoint: None,
        }
    }

    fn workspace() -> Utf8PathBuf {
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_variable_of_the_template_is_filled_in_unescaped() {
        let text = env().render(&workspace()).unwrap();
        assert_eq!(
            variables(&text),
            [
                ("VUE_APP_CART_API_URL", "https://a.example/Prod?x=1&y='2'"),
                ("VUE_APP_PRODUCTS_API_URL", "https://b.example/Prod"),
                ("VUE_APP_USER_POOL_ID", "eu-west-1_abc"),
                ("VUE_APP_USER_POOL_CLIENT_ID", "client"),
                ("VUE_APP_AWS_REGION", "eu-west-1"),
            ]
        );
    }

    #[test]
    fn beside_the_local_cloud_everything_is_of_the_shops_own_site() {
        let local = FrontendEnv { cart_api_url: "http://127.0.0.1:4566/restapis/a/Prod".to_owned(), ..env() };
        let text = local.beside("http://127.0.0.1:4566").render(&workspace()).unwrap();
        assert_eq!(
            variables(&text),
            [
                ("VUE_APP_CART_API_URL", "http://localhost:4566/restapis/a/Prod"),
                ("VUE_APP_PRODUCTS_API_URL", "https://b.example/Prod"),
                ("VUE_APP_USER_POOL_ID", "eu-west-1_abc"),
                ("VUE_APP_USER_POOL_CLIENT_ID", "client"),
                ("VUE_APP_AWS_REGION", "eu-west-1"),
                ("VUE_APP_COGNITO_ENDPOINT", "http://localhost:4566/"),
            ]
        );
    }

    #[test]
    fn behind_one_address_the_apis_are_where_the_page_is() {
        let text = env().at("https://d1.cloudfront.net").render(&workspace()).unwrap();
        assert_eq!(
            &variables(&text)[..2],
            [
                ("VUE_APP_CART_API_URL", "https://d1.cloudfront.net/Prod"),
                ("VUE_APP_PRODUCTS_API_URL", "https://d1.cloudfront.net/Prod"),
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named_with_who_publishes_it() {
        let app = cart_infra::app(&crate::config::tests::settings());
        let path = |stack, name| path(&app, stack, name);
        let mut published = BTreeMap::from([
            (path(StackId::Auth, "/user-pool-id"), "pool".to_owned()),
            (path(StackId::Auth, "/user-pool-client-id"), "client".to_owned()),
            (path(StackId::Cart, "/cart-api-url"), "https://a.example".to_owned()),
        ]);
        let error = FrontendEnv::collect(&app, &published, "eu-west-1").unwrap_err();
        assert_eq!(error.to_string(), "not published yet: /serverless-shopping-cart-demo/products/products-api-url");
        assert_eq!(error.hint().as_deref(), Some("`cartctl deploy products` publishes them"));

        published.insert(path(StackId::Products, "/products-api-url"), "https://b\nVUE_APP_EVIL=1".to_owned());
        let error = FrontendEnv::collect(&app, &published, "eu-west-1").unwrap_err();
        assert!(matches!(error, Error::Unsafe { .. }), "{error}");
    }
}
