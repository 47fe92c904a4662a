//! The frontend's configuration: from published values to variables, and from these to the text of `.env`. Knows nothing of AWS,
//! and reads one file, the template.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{
    Names, StackId,
    stacks::{AUTH, CART, PRODUCTS, auth, cart, products},
};
use handlebars::{Handlebars, no_escape};
use serde_json::json;

use crate::domain::{command::Command, tame::is_unruly};

/// The template, relative to the workspace.
const TEMPLATE: &str = "templates/env.hbs";

/// What stands for the values of a stage that is not known yet: of their form, so that the site is built as ever, and nothing that
/// anybody else would write. The address covers those of the APIs, and the page's list of those it may talk to.
const SITE: &str = "https://site.stand-in.invalid";
const POOL: &str = "stand-in-for_thePool";
const CLIENT: &str = "stand-in-for-the-client";
const REGION: &str = "stand-in-for-the-region";

/// The values that the frontend needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontendEnv {
    cart_api_url: String,
    products_api_url: String,
    user_pool_id: String,
    user_pool_client_id: String,
    region: String,
    /// None for AWS.
    cognito_endpoint: Option<String>,
}

/// Why the frontend cannot be configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("not published yet: {}", missing.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(", "))]
    Missing {
        /// The unpublished parameters, each with the stack that publishes it.
        missing: Vec<(String, StackId)>,
    },
    #[error("the value of {path} has a line break or another control character")]
    Unsafe { path: String },
    #[error("rendering {template} failed: {message}")]
    Render { template: Utf8PathBuf, message: String },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { missing } => {
                let mut stacks: Vec<_> = missing.iter().map(|(_, stack)| stack.to_string()).collect();
                stacks.sort();
                stacks.dedup();
                Some(format!("{} publishes them", Command::cartctl("deploy").with_all(stacks)))
            }
            Self::Unsafe { path } => {
                Some(format!("somebody else wrote {path}; deploying the stack that publishes it sets it right"))
            }
            Self::Render { .. } => None,
        }
    }
}

impl FrontendEnv {
    /// Picks what the frontend needs from `published` parameters, by full name.
    ///
    /// # Errors
    /// [`Error::Missing`] names every unpublished parameter, [`Error::Unsafe`] a value that would break the file.
    pub(crate) fn collect(names: &Names, published: &BTreeMap<String, String>, region: &str) -> Result<Self, Error> {
        let mut missing = Vec::new();
        let mut broken = None;
        let mut pick = |stack: StackId, path: String| {
            let Some(value) = published.get(&path) else {
                missing.push((path, stack));
                return String::new();
            };
            if value.chars().any(is_unruly) {
                broken = Some(path);
            }
            value.clone()
        };
        let env = Self {
            cart_api_url: pick(CART, names.parameter_path(cart::CART_API_URL.path())),
            products_api_url: pick(PRODUCTS, names.parameter_path(products::PRODUCTS_API_URL.path())),
            user_pool_id: pick(AUTH, names.parameter_path(auth::USER_POOL_ID.path())),
            user_pool_client_id: pick(AUTH, names.parameter_path(auth::USER_POOL_CLIENT_ID.path())),
            region: region.to_owned(),
            cognito_endpoint: None,
        };
        match (missing.is_empty(), broken) {
            (false, _) => Err(Error::Missing { missing }),
            (true, Some(path)) => Err(Error::Unsafe { path }),
            (true, None) => Ok(env),
        }
    }

    /// Placeholders for a build that starts before the first deployment to the local cloud at `base_url`. They have the form of the
    /// values that [replace](Self::replacing) them, and are long enough to be found in the build.
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

    /// Placeholders for a site that is built before its stage is known, and that [`Self::values_at`] replace.
    pub(crate) fn of_any_stage() -> Self {
        let env = Self {
            cart_api_url: String::new(),
            products_api_url: String::new(),
            user_pool_id: POOL.to_owned(),
            user_pool_client_id: CLIENT.to_owned(),
            region: REGION.to_owned(),
            cognito_endpoint: None,
        };
        env.at(SITE)
    }

    /// What stands for a stage's values in such a site, and the values, for a site at `url`.
    pub(crate) fn values_at(&self, url: &str) -> Vec<(String, String)> {
        let values = [(SITE, url), (POOL, &self.user_pool_id), (CLIENT, &self.user_pool_client_id), (REGION, &self.region)];
        values.map(|(stand_in, value)| (stand_in.to_owned(), value.to_owned())).into()
    }

    /// The same for a browser on the machine of the local cloud at `base_url`, such as `http://127.0.0.1:4566`, which has the accounts as
    /// well. The cloud is called `localhost` like the shop: to a browser the number would be another site, whose cookies it
    /// withholds.
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

    /// The same for a site at `url`, such as `https://d1.cloudfront.net`, which forwards to the APIs.
    pub(crate) fn at(mut self, url: &str) -> Self {
        for api in [&mut self.cart_api_url, &mut self.products_api_url] {
            *api = format!("{url}/{}", cart_infra::API_STAGE);
        }
        self
    }

    /// The variables that the frontend reads, by name.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let cognito_endpoint = self.cognito_endpoint.as_ref().map(|url| ("VUE_APP_COGNITO_ENDPOINT", url));
        [
            ("VUE_APP_CART_API_URL", &self.cart_api_url),
            ("VUE_APP_PRODUCTS_API_URL", &self.products_api_url),
            ("VUE_APP_USER_POOL_ID", &self.user_pool_id),
            ("VUE_APP_USER_POOL_CLIENT_ID", &self.user_pool_client_id),
            ("VUE_APP_AWS_REGION", &self.region),
        ]
        .into_iter()
        .chain(cognito_endpoint)
        .map(|(name, value)| (name, value.clone()))
        .collect()
    }

    /// The values of `stand_in`, each with the value of the same variable here, if that differs.
    pub(crate) fn replacing(&self, stand_in: &Self) -> Vec<(String, String)> {
        let real: BTreeMap<_, _> = self.variables().into_iter().collect();
        let pair = |(name, from): (&str, String)| real.get(name).filter(|to| **to != from).map(|to| (from.clone(), to.clone()));
        stand_in.variables().into_iter().filter_map(pair).collect()
    }

    /// Renders the variables with `templates/env.hbs` of this workspace.
    ///
    /// # Errors
    /// [`Error::Render`], also if the template names a field that does not exist.
    pub(crate) fn render(&self, workspace: &Utf8Path) -> Result<String, Error> {
        let template = workspace.join(TEMPLATE);
        let failed = |message: String| Error::Render { template: template.clone(), message };
        let text = std::fs::read_to_string(&template).map_err(|error| failed(error.to_string()))?;
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        // The default escapes for HTML, which damages URLs.
        handlebars.register_escape_fn(no_escape);
        let variables: Vec<_> = self.variables().into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        handlebars.render_template(&text, &json!({ "variables": variables })).map_err(|error| failed(error.to_string()))
    }
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

    fn values(env: &FrontendEnv) -> Vec<String> {
        env.variables().into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn the_file_holds_every_variable_unescaped() {
        let text = env().render(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        assert_eq!(
            text,
            "# Written by `cartctl`: deploy again, or run `cartctl frontend-env`, instead of editing. Other lines of this file are yours.
VUE_APP_CART_API_URL=https://a.example/Prod?x=1&y='2'
VUE_APP_PRODUCTS_API_URL=https://b.example/Prod
VUE_APP_USER_POOL_ID=eu-west-1_abc
VUE_APP_USER_POOL_CLIENT_ID=client
VUE_APP_AWS_REGION=eu-west-1
"
        );
    }

    #[test]
    fn beside_the_local_cloud_everything_is_of_the_shops_own_site() {
        let local = FrontendEnv { cart_api_url: "http://127.0.0.1:4566/restapis/a/Prod".to_owned(), ..env() };
        let local = local.beside("http://127.0.0.1:4566");
        assert_eq!(
            values(&local),
            [
                "http://localhost:4566/restapis/a/Prod",
                "https://b.example/Prod",
                "eu-west-1_abc",
                "client",
                "eu-west-1",
                "http://localhost:4566/",
            ]
        );
        assert_eq!(local.variables()[5].0, "VUE_APP_COGNITO_ENDPOINT");
    }

    #[test]
    fn behind_one_address_the_apis_are_where_the_site_is() {
        let hosted = env().at("https://d1.cloudfront.net");
        assert_eq!(values(&hosted)[..2], ["https://d1.cloudfront.net/Prod", "https://d1.cloudfront.net/Prod"]);
    }

    #[test]
    fn placeholders_are_replaced_by_the_variables_of_the_same_name() {
        let stand_in = FrontendEnv::stand_in("http://127.0.0.1:4566", "eu-west-1");
        // Without the variable that the placeholders have between the others.
        let real = FrontendEnv { cognito_endpoint: None, ..env() };
        assert_eq!(
            real.replacing(&stand_in),
            [
                ("http://localhost:4566/stand-in/cart-api", "https://a.example/Prod?x=1&y='2'"),
                ("http://localhost:4566/stand-in/products-api", "https://b.example/Prod"),
                ("stand-in_pool", "eu-west-1_abc"),
                ("stand-in-client", "client"),
            ]
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
        );
    }

    #[test]
    fn what_is_missing_is_named_with_the_stack_that_publishes_it() {
        let names = crate::config::tests::settings().names;
        let mut published = BTreeMap::from([
            (names.parameter_path(auth::USER_POOL_ID.path()), "pool".to_owned()),
            (names.parameter_path(auth::USER_POOL_CLIENT_ID.path()), "client".to_owned()),
            (names.parameter_path(cart::CART_API_URL.path()), "https://a.example".to_owned()),
        ]);
        let error = FrontendEnv::collect(&names, &published, "eu-west-1").unwrap_err();
        assert_eq!(error.to_string(), "not published yet: /serverless-shopping-cart-demo/products/products-api-url");
        assert_eq!(error.hint().as_deref(), Some("`cartctl deploy products` publishes them"));

        published.insert(names.parameter_path(products::PRODUCTS_API_URL.path()), "https://b\nVUE_APP_EVIL=1".to_owned());
        let error = FrontendEnv::collect(&names, &published, "eu-west-1").unwrap_err();
        assert!(matches!(error, Error::Unsafe { .. }), "{error}");
    }

    /// The hint names one stack for each path, which nothing else compares.
    #[test]
    fn what_the_frontend_needs_is_published_by_the_stack_that_is_named() {
        let settings = crate::config::tests::settings();
        let error = FrontendEnv::collect(&settings.names, &BTreeMap::new(), "eu-west-1").unwrap_err();
        let Error::Missing { missing } = error else { panic!("{error}") };
        assert_eq!(missing.len(), 4);
        let app = cart_infra::app(&settings);
        for (path, stack) in missing {
            assert!(app.stack(stack).unwrap().publishes().contains(&path), "{stack} does not publish {path}");
        }
    }
}
