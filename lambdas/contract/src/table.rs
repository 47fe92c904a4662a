//! The table of carts, as everybody has to know it who works with it: the functions, the filter of its stream, and `cartctl
//! totals`. Its keys, what a total says about itself, and the writes with which all totals are counted anew
//! (docs/adr/0020-totals-have-generations.md). Pure, and knows no client.
//!
//! | `pk` | `sk` | what |
//! | --- | --- | --- |
//! | `cart#<uuid>` or `user#<sub>` | `product#<id>` | an item in a cart: `quantity`; `recounted`, if it was touched |
//! | `product#<id>` | `totalquantity` | what all carts hold of a product: `quantity`, `generation`; `rebuilt`, `rebuilding` |
//! | `counted#` and the `pk` of an item | `product#<id>` | what of that item is counted: `countedUpTo`, `counted`, `generation` |
//! | `totals` | `generation` | how often all of it was counted anew: `generation`, `finished` |

/// How the partition key of a cart begins: of somebody unknown, and of somebody who has signed in.
pub const OWNERS: [&str; 2] = ["cart#", "user#"];

/// What comes before a product's id in a key.
pub const PRODUCT: &str = "product#";

/// What comes before a cart's partition key in that of a note.
pub const COUNTED: &str = "counted#";

/// The sort key of a total.
pub const TOTAL: &str = "totalquantity";

/// The key of the one item that says how often the totals were counted anew.
pub const CONTROL: (&str, &str) = ("totals", "generation");

/// What is kept under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// A product in a cart.
    Item {
        /// The partition key of the cart.
        owner: &'a str,
        /// The product's id.
        product: &'a str,
    },
    /// What of such an item is counted.
    Note {
        /// The partition key of the cart.
        owner: &'a str,
        /// The product's id.
        product: &'a str,
    },
    /// The total of a product.
    Total {
        /// The product's id.
        product: &'a str,
    },
    /// Nothing that is counted, nor a total.
    Else,
}

impl<'a> Kept<'a> {
    /// What is kept under this key.
    #[must_use]
    pub fn under(pk: &'a str, sk: &'a str) -> Self {
        let in_a_cart = |pk: &str| OWNERS.iter().any(|prefix| pk.starts_with(prefix));
        match (pk.strip_prefix(COUNTED), product_of(sk)) {
            (None, Some(product)) if in_a_cart(pk) => Self::Item { owner: pk, product },
            (Some(owner), Some(product)) if in_a_cart(owner) => Self::Note { owner, product },
            _ => product_of(pk).filter(|_| sk == TOTAL).map_or(Self::Else, |product| Self::Total { product }),
        }
    }
}

fn product_of(key: &str) -> Option<&str> {
    key.strip_prefix(PRODUCT).filter(|id| is_product_id(id))
}

/// The longest id of a product, in bytes. A UUID has 36.
pub const LONGEST_PRODUCT_ID: usize = 64;

/// Whether a text may be the id of a product: letters, digits and hyphens, so that it means itself wherever it is inserted.
#[must_use]
pub fn is_product_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain && (1..=LONGEST_PRODUCT_ID).contains(&text.len())
}

/// How many of a product are in a cart, as it is stored. Ours are at most 10 000; older tables may hold any, and what is too large
/// to be summed up is none.
#[must_use]
pub fn quantity(stored: &str) -> Option<i64> {
    stored.parse::<i32>().ok().map(i64::from)
}

/// How often the totals were counted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The newest generation: what changes from now on is counted in it.
    pub generation: u64,
    /// The newest one that all totals have reached.
    pub finished: u64,
}

impl Control {
    /// The generation that a rebuild works on: the one that was not finished, or else the next; then it has to be begun.
    #[must_use]
    pub const fn rebuilds(self) -> (u64, bool) {
        if self.generation > self.finished { (self.generation, false) } else { (self.generation + 1, true) }
    }
}

/// What is noted of an item, as far as it matters to who counts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The newest generation that it is counted in.
    pub generation: u64,
    /// How many of it are counted, if that was noted.
    pub counted: Option<i64>,
}

impl Noted {
    /// Whether an item of this quantity is counted in this generation as it is. If not, there is a record of it still to come, or
    /// one has to be made.
    #[must_use]
    pub fn holds(self, quantity: i64, generation: u64) -> bool {
        self.generation >= generation && self.counted == Some(quantity)
    }
}

/// What a total counts. Generation 0 is what was counted before anything was ever counted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generations {
    /// The generation that it is the sum of: of what is noted as counted in this or a later one.
    pub of: u64,
    /// The generation that is being summed up beside it.
    pub rebuilding: Option<u64>,
}

impl Generations {
    /// How a total becomes one of this generation, once every item is counted in it; nothing, where it needs not or must not.
    #[must_use]
    pub fn reach(self, generation: u64) -> Option<Update> {
        match self.rebuilding {
            _ if self.of >= generation => None,
            Some(rebuilding) if rebuilding > generation => None,
            Some(rebuilding) if rebuilding == generation => Some(TAKE_OVER),
            _ => Some(START_FROM_NOTHING),
        }
    }
}

/// A change of one item, and the condition for it. Each says which values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The update expression.
    pub expression: &'static str,
    /// The condition expression.
    pub condition: &'static str,
}

/// Begins to count anew, if nobody else has since `:read` was the newest generation. `:generation` is the one after it.
pub const BEGIN: Update =
    Update { expression: "SET generation = :generation", condition: "attribute_not_exists(pk) OR generation = :read" };

/// Says that all totals have reached `:generation`.
pub const FINISH: Update = Update { expression: "SET finished = :generation", condition: "generation = :generation" };

/// Makes the stream tell of an item that is there. `:mark` is new with every run: what changes nothing is told by no record.
pub const TOUCH: Update = Update { expression: "SET recounted = :mark", condition: "attribute_exists(pk)" };

/// Makes what was summed up in `:generation` the total.
pub const TAKE_OVER: Update = Update {
    expression: "SET quantity = rebuilt, generation = :generation REMOVE rebuilt, rebuilding",
    condition: "rebuilding = :generation AND (attribute_not_exists(generation) OR generation < :generation)",
};

/// Makes the total `:none`, which is 0: nothing was summed up in `:generation`, because no cart has any of the product.
pub const START_FROM_NOTHING: Update = Update {
    expression: "SET quantity = :none, generation = :generation REMOVE rebuilt, rebuilding",
    condition: "attribute_exists(pk) AND (attribute_not_exists(generation) OR generation < :generation) \
                AND (attribute_not_exists(rebuilding) OR rebuilding < :generation)",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_is_kept_under_it() {
        for (pk, sk, kept) in [
            ("cart#1", "product#mug", Kept::Item { owner: "cart#1", product: "mug" }),
            ("user#a", "product#mug", Kept::Item { owner: "user#a", product: "mug" }),
            ("counted#user#a", "product#mug", Kept::Note { owner: "user#a", product: "mug" }),
            ("product#mug", "totalquantity", Kept::Total { product: "mug" }),
            (CONTROL.0, CONTROL.1, Kept::Else),
            ("cart#1", "totalquantity", Kept::Else),
            ("cart#1", "product#../mug", Kept::Else),
            ("counted#product#mug", "totalquantity", Kept::Else),
            ("counted#", "product#mug", Kept::Else),
            ("product#mug", "product#mug", Kept::Else),
            ("", "", Kept::Else),
        ] {
            assert_eq!(Kept::under(pk, sk), kept, "{pk} {sk}");
        }
    }

    #[test]
    fn a_rebuild_goes_on_with_what_was_not_finished() {
        let rebuilds = |generation, finished| Control { generation, finished }.rebuilds();
        assert_eq!(Control::default().rebuilds(), (1, true));
        assert_eq!(rebuilds(1, 0), (1, false));
        assert_eq!(rebuilds(1, 1), (2, true));
    }

    #[test]
    fn a_total_goes_forward_only_and_takes_no_other_generations_sum() {
        let reach = |of, rebuilding| Generations { of, rebuilding }.reach(2);
        assert_eq!(reach(1, Some(2)), Some(TAKE_OVER));
        assert_eq!(reach(0, Some(2)), Some(TAKE_OVER));
        assert_eq!(reach(1, None), Some(START_FROM_NOTHING));
        assert_eq!(reach(0, Some(1)), Some(START_FROM_NOTHING), "what is left of a count that missed it");
        assert_eq!(reach(1, Some(3)), None, "somebody else is further");
        assert_eq!(reach(2, None), None);
        assert_eq!(reach(3, None), None);
    }
}
