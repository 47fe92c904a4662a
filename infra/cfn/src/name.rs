//! Names that an app gives to its stacks and its packages, as constants.

use std::fmt;

use serde::Serialize;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(&'static str);

        impl $name {
            /// For constants of an app.
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                Self(name)
            }

            /// The name as text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }
    )+};
}

names! {
    /// A stack of an app, by the name that people type.
    StackId,
    /// Code that is built and uploaded as a whole: one archive for all functions in it.
    Package,
}
