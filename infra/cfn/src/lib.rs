//! CloudFormation as types: a definition that compiles refers only to resources that exist. A [`Stack`] is a template, its name, and
//! the values that it shares with other stacks. An [`App`] is stacks in the order of their deployment.
//!
//! ```
//! use cfn::{App, Place, Shared, Stack, StackId, resource::sqs::Queue, value::QueueArn};
//!
//! const INBOX: StackId = StackId::new("inbox");
//! const OFFICE: StackId = StackId::new("office");
//! const ORDERS: Shared<QueueArn> = Shared::at("inbox/orders-arn", "OrdersArn", "The queue of orders");
//! let place = |stack: StackId| Place { stack_name: format!("shop-{stack}"), parameters: "/shop".to_owned() };
//!
//! let mut inbox = Stack::new(INBOX, place(INBOX), "Takes orders");
//! let queue = inbox.add("Orders", &Queue::default());
//! let orders = inbox.publish("OrdersParameter", &ORDERS, queue.arn());
//!
//! let mut office = Stack::new(OFFICE, place(OFFICE), "Works on orders");
//! let arn = office.read(&orders);
//! office.output("Orders", "The queue that is worked on", arn);
//!
//! let app = App::of(vec![inbox, office]);
//! assert_eq!(app.depends_on(OFFICE), [INBOX]);
//! assert!(app.stacks()[0].template().to_json().contains("AWS::SQS::Queue"));
//! ```
//!
//! [`resource`] has the types of resources, [`value`] the values of their properties, [`policy`] their permissions. Finished templates
//! are judged by [`check`](check::check), compared by [`diff`](diff::diff), and searched for new permissions by
//! [`access`](access::widened).
//!
//! The crate is pure: it reads no file, clock or network, and the same definitions give the same bytes. No app is known here, nor any
//! app's settings.

pub mod access;
mod app;
pub mod check;
pub mod diff;
mod exemption;
mod mark;
mod name;
pub mod organisation;
mod package;
pub mod parse;
pub mod policy;
pub mod resource;
mod scalar;
mod stack;
pub mod template;
pub mod value;

pub use app::App;
pub use exemption::Exemption;
pub use mark::{MARK_OUTPUT, Mark, NotAMark};
pub use name::{Package, StackId};
pub use package::{Code, CodeHash, CodeKey};
pub use parse::Invalid;
pub use scalar::{Architecture, GivenTopicArn, LogRetention, Mebibytes, Region, Seconds, Visibility, is_account_id};
pub use stack::{
    ARTIFACT_BUCKET_OUTPUT, ARTIFACT_BUCKET_PARAMETER, Afterwards, ParameterSource, Place, Presence, Published, Shared, Site, Stack,
};
