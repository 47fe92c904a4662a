//! The table of carts, as all who work with it have to know it: the functions, the filter of its stream, and `cartctl totals`. Its
//! keys and attributes, what a total says about itself, and the updates that recount all totals
//! (docs/adr/0020-totals-have-generations.md). Pure, and knows no client.
//!
//! | `pk` | `sk` | Kept there |
//! | --- | --- | --- |
//! | `cart#<uuid>` or `user#<sub>` | `product#<id>` | an item in a cart: `quantity`, `productDetail`, `expirationTime`; `migration`, if one emptied it; `recounted`, if a recount touched it |
//! | `product#<id>` | `totalquantity` | a total, how many of a product all carts hold: `quantity`, `generation`; `rebuilt`, `rebuilding` during a recount |
//! | `counted#` and the `pk` of an item | `product#<id>` | a note, how many of that item its total contains: `countedUpTo`, `counted`, `generation`; `expirationTime`, once it contains none |
//! | `totals` | `generation` | the recounts so far: `generation`, `finished` |

use crate::CartFunction;

/// The names of all attributes. Nobody else spells them out: `tests/names.rs` looks for that.
pub mod attribute {
    /// The partition key, a text.
    pub const PK: &str = "pk";
    /// The sort key, a text.
    pub const SK: &str = "sk";
    /// Of an item and of a total: a number of pieces.
    pub const QUANTITY: &str = "quantity";
    /// Of an item: the product as the catalogue described it when it was put in.
    pub const PRODUCT_DETAIL: &str = "productDetail";
    /// Of an item and of a note: when DynamoDB may delete it, in seconds since 1970. The table's time to live.
    pub const EXPIRATION_TIME: &str = "expirationTime";
    /// Of an item: the id of the migration that emptied it. Absent, if it was written since.
    pub const MIGRATION: &str = "migration";
    /// Of an item: the run of the recount that touched it last.
    pub const RECOUNTED: &str = "recounted";
    /// Of a note: the sequence number of the last change that is counted, padded with zeros, as a text.
    pub const COUNTED_UP_TO: &str = "countedUpTo";
    /// Of a note: how many of its item are in the total.
    pub const COUNTED: &str = "counted";
    /// Of a note, of a total, and of the control item: a generation of totals. Absent in what is older than generations.
    pub const GENERATION: &str = "generation";
    /// Of the control item: the newest generation that all totals have reached.
    pub const FINISHED: &str = "finished";
    /// Of a total: the sum so far in the generation [`REBUILDING`].
    pub const REBUILT: &str = "rebuilt";
    /// Of a total: the generation that is being summed up beside the one that is shown.
    pub const REBUILDING: &str = "rebuilding";

    /// Every name.
    pub const ALL: [&str; 13] = [
        PK,
        SK,
        QUANTITY,
        PRODUCT_DETAIL,
        EXPIRATION_TIME,
        MIGRATION,
        RECOUNTED,
        COUNTED_UP_TO,
        COUNTED,
        GENERATION,
        FINISHED,
        REBUILT,
        REBUILDING,
    ];
}

/// Begins the partition key of an anonymous cart, before its UUID.
pub const CARTS: &str = "cart#";

/// Begins the partition key of a user's cart, before the user's `sub`.
pub const USERS: &str = "user#";

/// Begins the partition key of a cart.
pub const OWNERS: [&str; 2] = [CARTS, USERS];

/// Comes before a product's id in a key.
pub const PRODUCT: &str = "product#";

/// Comes before a cart's partition key in that of a note. No cart's key begins so: a note is not counted itself.
pub const NOTES: &str = "counted#";

/// The key of the control item, which says how often the totals were recounted.
pub const CONTROL: (&str, &str) = ("totals", "generation");

/// The sort key of a total.
pub const TOTAL: &str = "totalquantity";

/// The condition for the key of a query that reads a whole cart. `:pk` is the cart's key, `:product` is [`PRODUCT`].
pub const ITEMS_OF_CART: &str = "pk = :pk AND begins_with(sk, :product)";

/// A part of the table: all items whose partition keys begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partitions {
    /// The carts of anonymous visitors.
    AnonymousCarts,
    /// The carts of users.
    UsersCarts,
    /// The totals.
    Totals,
    /// The notes about items of carts.
    Notes,
    /// The control item.
    Control,
}

impl Partitions {
    /// Patterns of the partition keys, in which `*` is any text.
    #[must_use]
    pub fn patterns(self) -> Vec<String> {
        match self {
            Self::AnonymousCarts => vec![format!("{CARTS}*")],
            Self::UsersCarts => vec![format!("{USERS}*")],
            Self::Totals => vec![format!("{PRODUCT}*")],
            Self::Notes => OWNERS.map(|owner| format!("{NOTES}{owner}*")).into(),
            Self::Control => vec![CONTROL.0.to_owned()],
        }
    }
}

/// Actions of DynamoDB that a function takes, and the part of the table in which. The parts of a transaction count as
/// [the actions of their own](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The purpose, as the identifier of a policy's statement.
    pub purpose: &'static str,
    /// For example `dynamodb:GetItem`.
    pub actions: &'static [&'static str],
    /// Where.
    pub partitions: &'static [Partitions],
}

impl CartFunction {
    /// All that a function does with the items of the table. It may do nothing else.
    #[must_use]
    pub const fn uses(self) -> &'static [Use] {
        use Partitions::{AnonymousCarts, Control, Notes, Totals, UsersCarts};
        const fn of(purpose: &'static str, actions: &'static [&'static str], partitions: &'static [Partitions]) -> Use {
            Use { purpose, actions, partitions }
        }
        const CARTS: &[Partitions] = &[AnonymousCarts, UsersCarts];
        match self {
            Self::ListCart => const { &[of("ReadItems", &["dynamodb:Query"], CARTS)] },
            Self::AddToCart => const { &[of("ChangeItems", &["dynamodb:GetItem", "dynamodb:UpdateItem"], CARTS)] },
            Self::UpdateCart => const { &[of("ChangeItems", &["dynamodb:UpdateItem"], CARTS)] },
            Self::MigrateCart => const { &[of("MoveItems", &["dynamodb:Query", "dynamodb:UpdateItem"], CARTS)] },
            Self::CheckoutCart => const { &[of("TakeItems", &["dynamodb:DeleteItem", "dynamodb:Query"], &[UsersCarts])] },
            Self::GetCartTotal => const { &[of("ReadTotal", &["dynamodb:GetItem"], &[Totals])] },
            Self::DeleteMigrated => const { &[of("DeleteItems", &["dynamodb:DeleteItem"], &[AnonymousCarts])] },
            Self::UpdateTotals => {
                const {
                    &[
                        of("ReadTotals", &["dynamodb:BatchGetItem"], &[Control, Notes, Totals]),
                        of("WriteTotals", &["dynamodb:UpdateItem"], &[Notes, Totals]),
                    ]
                }
            }
        }
    }
}

/// Where something is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    /// Of a product in a cart. `owner` is the cart's partition key.
    #[must_use]
    pub fn item(owner: &str, product: &str) -> Self {
        Self { pk: owner.to_owned(), sk: format!("{PRODUCT}{product}") }
    }

    /// Of the note about such an item.
    #[must_use]
    pub fn note(owner: &str, product: &str) -> Self {
        Self { pk: format!("{NOTES}{owner}"), sk: format!("{PRODUCT}{product}") }
    }

    /// Of a product's total.
    #[must_use]
    pub fn total(product: &str) -> Self {
        Self { pk: format!("{PRODUCT}{product}"), sk: TOTAL.to_owned() }
    }

    /// Of the control item.
    #[must_use]
    pub fn control() -> Self {
        let (pk, sk) = CONTROL;
        Self { pk: pk.to_owned(), sk: sk.to_owned() }
    }
}

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
    /// The note about such an item.
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
    /// Neither counted nor a total: the control item, or something that no table of carts has.
    Else,
}

impl<'a> Kept<'a> {
    /// What is kept under this key.
    #[must_use]
    pub fn under(pk: &'a str, sk: &'a str) -> Self {
        let in_a_cart = |pk: &str| OWNERS.iter().any(|prefix| pk.starts_with(prefix));
        match (pk.strip_prefix(NOTES), product_of(sk)) {
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

/// How many of a product are in a cart, as it is stored. Ours are at most 10 000. Older tables may hold any number; one that is too
/// large to be summed up is none.
#[must_use]
pub fn quantity(stored: &str) -> Option<i64> {
    stored.parse::<i32>().ok().map(i64::from)
}

/// The recounts of all totals so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The newest generation, in which every later change is counted.
    pub generation: u64,
    /// The newest generation that all totals have reached.
    pub finished: u64,
}

impl Control {
    /// The generation that a recount works on, and whether it must be begun first: an unfinished one is continued.
    #[must_use]
    pub const fn rebuilds(self) -> (u64, bool) {
        if self.generation > self.finished { (self.generation, false) } else { (self.generation + 1, true) }
    }
}

/// A note about an item, as far as a recount depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The newest generation that the item is counted in.
    pub generation: u64,
    /// How many of it are counted. None in notes that are older than generations.
    pub counted: Option<i64>,
}

impl Noted {
    /// Whether the generation counts an item of this quantity correctly already. If not, a record about the item is still to come, or
    /// the recount has to touch the item.
    #[must_use]
    pub fn holds(self, quantity: i64, generation: u64) -> bool {
        self.generation >= generation && self.counted == Some(quantity)
    }
}

/// What a total counts. Generation 0 is that of totals before the first recount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generations {
    /// The generation of the sum that is shown. A note of this generation or a later one is part of it.
    pub of: u64,
    /// The generation that a recount sums up beside it.
    pub rebuilding: Option<u64>,
}

impl Generations {
    /// The update that brings a total into this generation, once every item is counted in it. None, if the total is there or further.
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

/// An update of one item. Each constant says which values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The update expression.
    pub expression: &'static str,
    /// The condition expression.
    pub condition: &'static str,
}

/// Begins a recount, unless somebody else began one since `:read` was the newest generation. `:generation` is the one after it.
pub const BEGIN: Update =
    Update { expression: "SET generation = :generation", condition: "attribute_not_exists(pk) OR generation = :read" };

/// Notes that all totals have reached `:generation`.
pub const FINISH: Update = Update { expression: "SET finished = :generation", condition: "generation = :generation" };

/// Makes the stream deliver a record of an existing item. `:mark` differs from run to run: an update that changes nothing makes no record.
pub const TOUCH: Update = Update { expression: "SET recounted = :mark", condition: "attribute_exists(pk)" };

/// Replaces a total by the sum of `:generation`.
pub const TAKE_OVER: Update = Update {
    expression: "SET quantity = rebuilt, generation = :generation REMOVE rebuilt, rebuilding",
    condition: "rebuilding = :generation AND (attribute_not_exists(generation) OR generation < :generation)",
};

/// Replaces a total by `:none`, which is 0: `:generation` has no sum, because no cart holds any of the product.
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
            ("totals", "generation", Kept::Else),
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
    fn a_key_leads_back_to_what_it_is_of() {
        let kept = |key: &Key| format!("{:?}", Kept::under(&key.pk, &key.sk));
        for (key, found) in [
            (Key::item("cart#1", "mug"), Kept::Item { owner: "cart#1", product: "mug" }),
            (Key::note("user#a", "mug"), Kept::Note { owner: "user#a", product: "mug" }),
            (Key::total("mug"), Kept::Total { product: "mug" }),
            (Key::control(), Kept::Else),
        ] {
            assert_eq!(kept(&key), format!("{found:?}"));
        }
    }

    #[test]
    fn a_key_belongs_to_one_part_of_the_table() {
        use Partitions::{AnonymousCarts, Control, Notes, Totals, UsersCarts};
        let is_in = |pk: &str, part: &Partitions| {
            part.patterns().iter().any(|pattern| pattern.strip_suffix('*').map_or(pk == pattern, |start| pk.starts_with(start)))
        };
        for (key, part) in [
            (Key::item("cart#1", "mug"), AnonymousCarts),
            (Key::item("user#a", "mug"), UsersCarts),
            (Key::note("cart#1", "mug"), Notes),
            (Key::note("user#a", "mug"), Notes),
            (Key::total("mug"), Totals),
            (Key::control(), Control),
        ] {
            let all = [AnonymousCarts, UsersCarts, Totals, Notes, Control];
            let found: Vec<_> = all.into_iter().filter(|part| is_in(&key.pk, part)).collect();
            assert_eq!(found, [part], "{key:?}");
        }
    }

    #[test]
    fn expressions_name_attributes_of_the_table_only() {
        let updates = [BEGIN, FINISH, TOUCH, TAKE_OVER, START_FROM_NOTHING].into_iter();
        let expressions = updates.flat_map(|update| [update.expression, update.condition]).chain([ITEMS_OF_CART]);
        let mut named = 0;
        for word in expressions.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && !"_:".contains(c))) {
            let of_the_language = ["SET", "REMOVE", "AND", "OR", "attribute_exists", "attribute_not_exists", "begins_with", ""];
            if !word.starts_with(':') && !of_the_language.contains(&word) {
                assert!(attribute::ALL.contains(&word), "{word}");
                named += 1;
            }
        }
        assert!(named > 20, "{named}");
    }

    #[test]
    fn a_recount_continues_an_unfinished_one() {
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
