//! Mixed traffic on a deployed shop, with what Lambda delivers delivered more than once, and the sums afterwards: what the carts hold is
//! what customers were told, and what the totals say.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    cloud::{Answer, Cloud},
    shop::{Customer, Shop, lines},
};

const CART: &str = "aws-serverless-shopping-cart-shoppingcart-service";

/// Customers who shop alone, so that every answer can be foretold.
const ALONE: usize = 8;

/// Accounts that two use at the same moment.
const COUPLES: usize = 3;

/// Few, so that customers meet at their totals.
const PRODUCTS: usize = 5;

/// How long the last changes may take to arrive in the totals.
const PATIENCE: Duration = Duration::from_mins(3);

/// Products and how many of them. Who holds none of a product has no entry.
type Held = BTreeMap<String, i64>;

/// Shops for so long. What everybody does follows from the seed; in which order it arrives does not.
///
/// # Panics
/// If anybody is told something that is not so.
pub(crate) async fn shop_for(cloud: &Cloud, duration: Duration, seed: u64) -> Figures {
    let shop = Shop::of_stage(cloud, "default");
    let products: [String; PRODUCTS] = shop.catalogue().await;
    let street = Street { shop: &shop, products: &products, calls: Mutex::default() };
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut alone = Vec::new();
    for number in 0..ALONE {
        alone.push(street.alone(&format!("alone-{number}@example.com"), rng.fork()).await);
    }
    let mut couples = Vec::new();
    for number in 0..COUPLES {
        couples.push(street.couple(&format!("couple-{number}@example.com")).await);
    }
    everything_is_counted_twice(cloud).await;
    let late = LateMessages { shop: &shop, queue: cloud.resources(CART).await["CartDeleteSQSQueue"].clone() };

    let started = Instant::now();
    let until = started + duration;
    let pairs: Vec<_> = couples.iter().flat_map(|couple| [couple, couple]).map(|couple| (couple, rng.fork())).collect();
    let (_, _, repeated) = tokio::join!(
        join_all(alone.iter_mut().map(|customer| customer.shop_until(until))),
        join_all(pairs.into_iter().map(|(couple, rng)| couple.add_until(until, rng))),
        late.send_until(until, rng.fork()),
    );
    let took = started.elapsed();

    let carts = carts(&shop).await;
    let held = |owner: &str| carts.get(owner).cloned().unwrap_or_default();
    for customer in &alone {
        let cookie = customer.visitor.cookie.as_deref().unwrap();
        assert_eq!(held(&format!("cart#{cookie}")), customer.in_cookie, "what the holder of the cookie was told");
        assert_eq!(held(&format!("user#{}", customer.user)), customer.in_account, "what the user was told");
    }
    for couple in &couples {
        let (held, told) = (held(&format!("user#{}", couple.user)), couple.told.lock().unwrap());
        for product in &products {
            let count = |held: &Held| held.get(product).copied().unwrap_or(0);
            let sure = count(&told.done);
            assert!((sure..=sure + count(&told.perhaps)).contains(&count(&held)), "{product}: {held:?}, told {told:?}");
        }
    }
    let settled = totals_become(&shop, &products, &carts).await;
    let held = carts.values().flat_map(BTreeMap::values).sum();
    Figures { took, settled, repeated, held, calls: street.calls.into_inner().unwrap() }
}

/// What was done, and how long it took.
#[derive(Debug)]
pub(crate) struct Figures {
    /// How long there was traffic.
    pub took: Duration,
    /// How long after its end the totals were right.
    pub settled: Duration,
    /// Messages that were delivered once more, now or later.
    pub repeated: usize,
    /// What all carts hold at the end, and all totals together say.
    pub held: i64,
    /// By kind: how long each took, and whether it was told to come back.
    pub calls: BTreeMap<&'static str, Vec<(Duration, bool)>>,
}

/// A table of them.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { took, settled, repeated, held, calls } = self;
        writeln!(f, "{:10} {:>7} {:>7} {:>9} {:>9} {:>9}", "", "calls", "busy", "p50 ms", "p99 ms", "max ms")?;
        for (kind, calls) in calls {
            let mut times: Vec<_> = calls.iter().map(|(took, _)| took.as_secs_f64() * 1e3).collect();
            times.sort_unstable_by(f64::total_cmp);
            let [median, late, last] = [50, 99, 100].map(|percent| times[(times.len() * percent / 100).min(times.len() - 1)]);
            let busy = calls.iter().filter(|(_, busy)| *busy).count();
            writeln!(f, "{kind:10} {:>7} {busy:>7} {median:>9.1} {late:>9.1} {last:>9.1}", calls.len())?;
        }
        let all: usize = calls.values().map(Vec::len).sum();
        writeln!(f, "{all} calls in {:.1} s; {repeated} messages and every change of a cart delivered again", took.as_secs_f64())?;
        write!(f, "the carts hold {held}, as customers were told; the totals said so {:.1} s later", settled.as_secs_f64())
    }
}

/// Where everybody meets.
struct Street<'a> {
    shop: &'a Shop<'a>,
    products: &'a [String],
    calls: Mutex<BTreeMap<&'static str, Vec<(Duration, bool)>>>,
}

impl Street<'_> {
    async fn alone(&self, name: &str, rng: fastrand::Rng) -> Alone<'_> {
        let (user, account) = (self.shop.sign_up(name).await, self.shop.sign_in(name).await);
        let first = self.shop.cart(&Customer::default(), "GET", "/cart", "").await;
        let cookie = first.header("set-cookie").unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
        let visitor = Customer { cookie: Some(cookie), token: None };
        Alone { street: self, rng, user, visitor, account, in_cookie: Held::new(), in_account: Held::new() }
    }

    async fn couple(&self, name: &str) -> Couple<'_> {
        let (user, account) = (self.shop.sign_up(name).await, self.shop.sign_in(name).await);
        Couple { street: self, user, account, told: Mutex::default() }
    }

    /// The answer of a function; nothing, if it said to come back.
    async fn ask(&self, kind: &'static str, customer: &Customer, method: &str, path: &str, body: &str) -> Option<Answer> {
        let started = Instant::now();
        let answer = self.shop.cart(customer, method, path, body).await;
        let busy = answer.status == 503;
        self.calls.lock().unwrap().entry(kind).or_default().push((started.elapsed(), busy));
        assert!(busy || answer.status == 200, "{kind}: {answer:?}");
        (!busy).then_some(answer)
    }

    async fn list(&self, customer: &Customer) -> Held {
        loop {
            if let Some(answer) = self.ask("list", customer, "GET", "/cart", "").await {
                return shown(&answer.body);
            }
        }
    }
}

fn shown(cart: &Value) -> Held {
    lines(cart).into_iter().map(|(product, count)| (product, count.try_into().unwrap())).collect()
}

/// Adds, or removes down to nothing.
fn add(held: &mut Held, product: &str, change: i64) {
    let sum = held.get(product).copied().unwrap_or(0) + change;
    set(held, product, sum.max(0));
}

fn set(held: &mut Held, product: &str, count: i64) {
    if count == 0 {
        held.remove(product);
    } else {
        held.insert(product.to_owned(), count);
    }
}

/// Somebody with a cookie and an account, who does one thing after the other and knows after each what has to be in both carts.
struct Alone<'a> {
    street: &'a Street<'a>,
    rng: fastrand::Rng,
    user: String,
    visitor: Customer,
    account: Customer,
    in_cookie: Held,
    in_account: Held,
}

impl Alone<'_> {
    async fn shop_until(&mut self, end: Instant) {
        while Instant::now() < end {
            let signed_in = self.rng.bool();
            let understood = match self.rng.u8(..20) {
                0..7 => self.add(signed_in).await,
                7..10 => self.set(signed_in).await,
                10..13 => self.list(signed_in).await,
                13..15 => self.migrate().await,
                15..17 => self.migrate_twice_at_once().await,
                17..19 => self.check_out().await,
                _ => self.total().await,
            };
            if !understood {
                // Told to come back: whether it was done can only be seen.
                self.in_cookie = self.street.list(&self.visitor).await;
                self.in_account = self.street.list(&self.account).await;
            }
        }
    }

    fn cart(&mut self, signed_in: bool) -> (&Customer, &mut Held) {
        if signed_in { (&self.account, &mut self.in_account) } else { (&self.visitor, &mut self.in_cookie) }
    }

    fn product(&mut self) -> String {
        self.rng.choice(self.street.products).unwrap().clone()
    }

    async fn add(&mut self, signed_in: bool) -> bool {
        let (street, product) = (self.street, self.product());
        let change = self.rng.i64(-2..=4);
        let (customer, held) = self.cart(signed_in);
        let body = json!({ "productId": product, "quantity": change }).to_string();
        let answer = street.ask("add", customer, "POST", "/cart", &body).await;
        add(held, &product, change);
        answer.is_some()
    }

    async fn set(&mut self, signed_in: bool) -> bool {
        let (street, product) = (self.street, self.product());
        let count = self.rng.i64(0..=5);
        let (customer, held) = self.cart(signed_in);
        let body = json!({ "productId": product, "quantity": count }).to_string();
        let answer = street.ask("update", customer, "PUT", &format!("/cart/{product}"), &body).await;
        set(held, &product, count);
        answer.is_some()
    }

    async fn list(&mut self, signed_in: bool) -> bool {
        let street = self.street;
        let (customer, held) = self.cart(signed_in);
        assert_eq!(street.list(customer).await, *held, "signed in: {signed_in}");
        true
    }

    /// The caller of a migration: the account, and the cookie that is still there.
    fn both(&self) -> Customer {
        Customer { cookie: self.visitor.cookie.clone(), token: self.account.token.clone() }
    }

    fn move_over(&mut self) {
        for (product, count) in std::mem::take(&mut self.in_cookie) {
            add(&mut self.in_account, &product, count);
        }
    }

    async fn migrate(&mut self) -> bool {
        let answer = self.street.ask("migrate", &self.both(), "POST", "/cart/migrate", "").await;
        self.move_over();
        if let Some(answer) = &answer {
            assert_eq!(shown(&answer.body), self.in_account, "after migrating");
        }
        answer.is_some()
    }

    async fn migrate_twice_at_once(&mut self) -> bool {
        let both = self.both();
        let migrate = || self.street.ask("migrate", &both, "POST", "/cart/migrate", "");
        let (first, second) = tokio::join!(migrate(), migrate());
        self.move_over();
        first.is_some() && second.is_some() && self.list(true).await && self.list(false).await
    }

    async fn check_out(&mut self) -> bool {
        let answer = self.street.ask("checkout", &self.account, "POST", "/cart/checkout", "").await;
        let held = std::mem::take(&mut self.in_account);
        if let Some(answer) = &answer {
            assert_eq!(shown(&answer.body), held, "what was checked out");
        }
        answer.is_some()
    }

    async fn total(&mut self) -> bool {
        let path = format!("/cart/{}/total", self.product());
        self.street.ask("total", &self.visitor, "GET", &path, "").await;
        true
    }
}

/// Two with one account, who put things into one cart at the same moment.
struct Couple<'a> {
    street: &'a Street<'a>,
    user: String,
    account: Customer,
    told: Mutex<Told>,
}

/// What two were told together.
#[derive(Debug, Default)]
struct Told {
    done: Held,
    /// They were told to come back, and did not look.
    perhaps: Held,
}

impl Couple<'_> {
    async fn add_until(&self, end: Instant, mut rng: fastrand::Rng) {
        while Instant::now() < end {
            let (product, count) = (rng.choice(self.street.products).unwrap(), rng.i64(1..=3));
            let body = json!({ "productId": product, "quantity": count }).to_string();
            let answer = self.street.ask("add", &self.account, "POST", "/cart", &body).await;
            let mut told = self.told.lock().unwrap();
            let told = if answer.is_some() { &mut told.done } else { &mut told.perhaps };
            add(told, product, count);
        }
    }
}

/// Gives the function that counts a second mapping, in other portions, from the beginning of the stream.
async fn everything_is_counted_twice(cloud: &Cloud) {
    let mappings = cloud.read("lambda", "/2015-03-31/event-source-mappings/").await["EventSourceMappings"].take();
    let of_a_stream = |mapping: &&Value| mapping["EventSourceArn"].as_str().is_some_and(|arn| arn.contains("/stream/"));
    let mapping = mappings.as_array().unwrap().iter().find(of_a_stream).unwrap();
    let second = json!({
        "EventSourceArn": mapping["EventSourceArn"], "FunctionName": mapping["FunctionArn"], "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 7, "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    cloud.create("lambda", "/2015-03-31/event-source-mappings/", &second).await;
}

/// What the worker has been sent is sent again, at once and later, when its items may be in use again.
struct LateMessages<'a> {
    shop: &'a Shop<'a>,
    queue: String,
}

impl LateMessages<'_> {
    /// How many were sent again.
    async fn send_until(&self, end: Instant, mut rng: fastrand::Rng) -> usize {
        let mut seen: Vec<String> = Vec::new();
        let mut sent = 0;
        while Instant::now() < end {
            let items = self.shop.table().await;
            let emptied = items.iter().filter(|item| item["migration"]["S"].is_string());
            let messages = emptied.map(|item| {
                json!({ "pk": item["pk"]["S"], "sk": item["sk"]["S"], "migration": item["migration"]["S"] }).to_string()
            });
            seen.extend(messages);
            let again: Vec<_> =
                seen.iter().rev().take(5).cloned().chain((0..5).filter_map(|_| rng.choice(&seen).cloned())).collect();
            for message in again {
                let input = json!({ "QueueUrl": self.queue, "MessageBody": message });
                self.shop.cloud.call("sqs", "AmazonSQS.SendMessage", &input).await;
                sent += 1;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        sent
    }
}

/// What every owner holds, from a scan of the table.
async fn carts(shop: &Shop<'_>) -> BTreeMap<String, Held> {
    let mut carts = BTreeMap::<_, Held>::new();
    for item in shop.table().await {
        let owner = item["pk"]["S"].as_str().unwrap();
        if let (Some("cart" | "user"), Some(product)) =
            (owner.split('#').next(), item["sk"]["S"].as_str().unwrap().strip_prefix("product#"))
        {
            let count = item["quantity"]["N"].as_str().unwrap().parse().unwrap();
            set(carts.entry(owner.to_owned()).or_default(), product, count);
        }
    }
    carts
}

/// Waits until the totals are the sums over the carts; how long that took.
async fn totals_become(shop: &Shop<'_>, products: &[String], carts: &BTreeMap<String, Held>) -> Duration {
    let started = Instant::now();
    for product in products {
        let sum: i64 = carts.values().filter_map(|held| held.get(product)).sum();
        loop {
            let total = shop.cart(&Customer::default(), "GET", &format!("/cart/{product}/total"), "").await;
            if total.body["quantity"] == sum {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "the carts hold {sum} of {product}, the total is {total:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    started.elapsed()
}
