//! The owners of carts, the keys of their carts, and the lifetime of their items. Knows nothing of how an owner is recognized.

use std::{fmt, str::FromStr, time::Duration};

use cart_contract::table::{CARTS, USERS};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use uuid::Uuid;

/// The owner of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Anybody with the cookie.
    Anonymous(CartId),
    /// A user who is signed in.
    User(UserId),
}

impl Owner {
    /// How long an item stays in the cart after its last write.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        match self {
            Self::Anonymous(_) => Duration::from_hours(24),
            Self::User(_) => Duration::from_hours(7 * 24),
        }
    }
}

impl Owner {
    /// The owner's fingerprint for logs: the first 64 bits of the SHA-256 of the partition key, in hexadecimal.
    ///
    /// It has no salt. Salt makes it harder to hash all possible keys; these are random UUIDs, user ids included, and too many to try.
    /// Without salt, somebody who knows a key can find its cart in the logs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let start = Sha256::digest(self.to_string()).iter().take(8).fold(0, |start, byte| (start << 8) | u64::from(*byte));
        format!("{start:016x}")
    }
}

/// Displays the partition key of the owner's items.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous(cart) => write!(f, "{CARTS}{cart}"),
            Self::User(user) => write!(f, "{USERS}{user}"),
        }
    }
}

/// Reads a partition key.
impl FromStr for Owner {
    type Err = NotAnOwner;

    fn from_str(key: &str) -> Result<Self, NotAnOwner> {
        match (key.strip_prefix(CARTS), key.strip_prefix(USERS)) {
            (Some(id), _) => Ok(Self::Anonymous(id.parse()?)),
            (_, Some(id)) => Ok(Self::User(id.parse()?)),
            (None, None) => Err(NotAnOwner),
        }
    }
}

/// The id of an anonymous cart. It gives access to the cart, so it is random and never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CartId(pub Uuid);

impl FromStr for CartId {
    type Err = NotAnOwner;

    /// Parses the usual form of a UUID, with hyphens.
    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let usual = text.len() == uuid::fmt::Hyphenated::LENGTH;
        Uuid::try_parse(text).ok().filter(|_| usual).map(Self).ok_or(NotAnOwner)
    }
}

impl fmt::Display for CartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CartId(…)")
    }
}

/// A user of the pool: the `sub` of a verified token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl FromStr for UserId {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let fits = (1..=128).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits && plain { Ok(Self(text.to_owned())) } else { Err(NotAnOwner) }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the key or the id of a cart's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not the owner of a cart")]
pub struct NotAnOwner;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_owner() {
        for key in ["cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c", "user#0a1b2c3d-0000-4000-8000-000000000000"] {
            assert_eq!(key.parse::<Owner>().unwrap().to_string(), key);
        }
    }

    #[test]
    fn nobody_owns_a_cart_by_a_strange_key() {
        for key in ["", "cart#", "user#", "cart#1", "user#a#b", "product#a", "counted#cart#1", "user#a b", "cart#{4c1fadaa-213a}"] {
            assert_eq!(key.parse::<Owner>(), Err(NotAnOwner), "{key}");
        }
        assert!("4c1fadaa213a4ea8aa3258c217604e3c".parse::<CartId>().is_err(), "a UUID without hyphens");
    }

    #[test]
    fn a_user_keeps_a_cart_for_a_week_and_a_visitor_for_a_day() {
        assert_eq!(Owner::User("u".parse().unwrap()).lifetime().as_secs(), 604_800);
        assert_eq!(Owner::Anonymous(CartId(Uuid::nil())).lifetime().as_secs(), 86_400);
    }

    #[test]
    fn a_log_does_not_give_a_cart_away() {
        let cart: CartId = "4c1fadaa-213a-4ea8-aa32-58c217604e3c".parse().unwrap();
        assert_eq!(format!("{:?}", Owner::Anonymous(cart)), "Anonymous(CartId(…))");
        assert_eq!(Owner::Anonymous(cart).fingerprint(), "7d5462344d048b0b", "of cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c");
    }
}
