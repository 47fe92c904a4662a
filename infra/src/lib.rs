//! The definition of the shop. [`app()`] turns [`Settings`] into stacks, [`bootstrap`] defines the stack that an account needs
//! once, and [`check`](check::check()) judges both.
//!
//! The crate is pure: it reads no file, clock or network, and the same settings give the same bytes. To read on: [`stacks`] lists
//! the stacks, [`construct`] composes their larger pieces, and [`cfn`] has the types of CloudFormation.

pub mod check;
pub mod construct;
mod endpoints;
mod exemptions;
mod names;
pub mod packages;
mod settings;
pub mod stacks;

pub use cart_contract::{CookieScope, NotAnOrigin, Origin};
pub use cfn::{
    self, ARTIFACT_BUCKET_PARAMETER, Afterwards, App, Architecture, Code, CodeHash, CodeKey, GivenTopicArn, Invalid, LogRetention,
    Package, ParameterSource, Place, Presence, Published, Region, Shared, Site, Stack, StackId, access, diff,
};
pub use endpoints::API_STAGE;
pub use names::{Names, ParameterRoot, StackPrefix, Stage, StageName};
pub use settings::{BootstrapSettings, Endpoints, Monitoring, Settings};
pub use stacks::web::{DISTRIBUTION_OUTPUT, SITE, WEB_BUCKET_OUTPUT, WEB_URL_OUTPUT};

/// Defines the shop as one stage has it.
#[must_use]
pub fn app(settings: &Settings) -> App {
    let (auth, sign_in) = stacks::auth::stack(settings);
    let (products, catalogue) = stacks::products::stack(settings);
    let (cart, carts) = stacks::cart::stack(settings, &sign_in, &catalogue);
    let web = stacks::web::stack(settings, &catalogue, &carts);
    App::of([auth, products, cart, web].map(|stack| stack.explaining(exemptions::ALL)).into())
}

/// Defines the stack that an account needs once in each region.
#[must_use]
pub fn bootstrap(settings: &BootstrapSettings) -> Stack {
    stacks::bootstrap::stack(settings).explaining(exemptions::ALL)
}
