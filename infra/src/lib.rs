//! What is deployed. [`app()`] turns [`Settings`] into stacks, each of which is a CloudFormation template with a name and the values
//! it takes; [`bootstrap`] does so for what an account needs once. [`check`](check::check) judges the result, and
//! [`diff`](diff::diff) compares two templates, and [`access`](access::widened) says whom a change lets do more.
//!
//! The crate is pure: the same settings give the same bytes. It has nothing to do input or output with, and knows neither clock nor
//! randomness. To read on: [`stacks`] says what there is, [`construct`] how the larger pieces are made, [`cfn`] what CloudFormation
//! calls them.

pub mod check;
pub mod construct;
mod endpoints;
mod names;
pub mod packages;
mod settings;
pub mod stacks;

pub use cart_contract::{NotAnOrigin, Origin};
pub use cfn::{
    self, ARTIFACT_BUCKET_PARAMETER, Afterwards, App, Architecture, Code, CodeKey, GivenTopicArn, Invalid, LogRetention, Package,
    ParameterSource, Place, Presence, Published, Shared, Site, Stack, StackId, access, diff,
};
pub use endpoints::API_STAGE;
pub use names::{Names, ParameterRoot, StackPrefix, Stage, StageName};
pub use settings::{BootstrapSettings, Endpoints, Monitoring, Settings};
pub use stacks::web::{DISTRIBUTION_OUTPUT, SITE, WEB_BUCKET_OUTPUT, WEB_URL_OUTPUT};

/// Defines one copy of the shop.
#[must_use]
pub fn app(settings: &Settings) -> App {
    let (auth, sign_in) = stacks::auth::stack(settings);
    let (products, catalogue) = stacks::products::stack(settings);
    let (cart, carts) = stacks::cart::stack(settings, &sign_in, &catalogue);
    let web = stacks::web::stack(settings, &catalogue, &carts);
    App::of(vec![auth, products, cart, web])
}

/// Defines what an account needs once per region.
#[must_use]
pub fn bootstrap(settings: &BootstrapSettings) -> Stack {
    stacks::bootstrap::stack(settings)
}
