//! Many writers of one item, too many for every order: the orders are random, each from a seed that a failure names. After every single
//! write, the quantity is what the writer's own arithmetic makes of the quantity before.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cart::handlers::{add_to_cart::add, update_cart::set};
use serde_json::{Value, json};

use crate::{
    caller::{Caller, Next, Running, Shop, until_asking},
    dynamodb::{Table, cancelled},
    fixtures::{LATER, MUG, NOW, USER, mug},
    network::Network,
};

const WRITERS: usize = 64;

/// What a writer does to the quantity.
#[derive(Clone, Copy, Debug)]
enum Write {
    Add(i64),
    Set(i64),
}

impl Write {
    fn by_chance(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..8) {
            0 => Self::Set(random.i64(0..=10_000)),
            1 | 2 => Self::Add(random.i64(-10_000..=10_000)),
            _ => Self::Add(random.i64(-300..=300)),
        }
    }

    /// The quantity after the write. None, if it must not be written.
    fn of(self, quantity: i64) -> Option<i64> {
        let wanted = match self {
            Self::Add(change) => (quantity + change).max(0),
            Self::Set(to) => to,
        };
        (wanted <= 10_000).then_some(wanted)
    }

    /// The real function.
    fn writer(self) -> Caller {
        Caller::new("writes", move |shop: Shop| async move {
            let (owner, product, detail) = (USER.parse().unwrap(), mug(), json!({}));
            match self {
                Self::Add(change) => {
                    add(&shop.store, &owner, &product, change.try_into().unwrap(), async { Ok(detail) }, NOW).await.map(drop)
                }
                Self::Set(to) => set(&shop.store, &owner, &product, to.try_into().unwrap(), &detail, NOW).await,
            }
            .ok()
            .map(|()| Value::Null)
        })
    }
}

/// A writer that is running, or has ended.
struct Writer {
    wanted: Write,
    network: Network,
    running: Running,
    tokens: Vec<Value>,
    next: Next,
    written: u32,
}

impl Writer {
    fn new(wanted: Write) -> Self {
        let network = Network::default();
        let mut running = wanted.writer().begin(Shop::at(&network));
        let mut tokens = Vec::new();
        let next = until_asking(&mut running, &network, &mut tokens);
        Self { wanted, network, running, tokens, next, written: 0 }
    }
}

/// The result of races.
#[derive(Debug, Default)]
struct Race {
    accepted: usize,
    refused: usize,
    effective: usize,
    /// Answers that were lost, and collisions.
    faults: [usize; 2],
}

fn race(seed: u64, faults: bool) -> Race {
    let mut random = fastrand::Rng::with_seed(seed);
    let begin = random.i64(0..=10_000);
    let mut table = Table::new();
    table.put(USER, MUG, begin, LATER);
    let mut writers: Vec<_> = (0..WRITERS).map(|_| Writer::new(Write::by_chance(&mut random))).collect();
    let (mut race, mut sum) = (Race::default(), begin);
    loop {
        let running: Vec<_> = (0..WRITERS).filter(|index| matches!(writers[*index].next, Next::Asks(_))).collect();
        let Some(&index) = random.choice(&running) else { break };
        let writer = &mut writers[index];
        let Next::Asks(call) = &writer.next else { continue };
        let is_write = call.operation == "TransactWriteItems";
        let fault = if faults && is_write { random.u8(0..16) } else { u8::MAX };
        let heard = if fault == 0 && !table.knows(index, &call.request) {
            race.faults[1] += 1;
            Some(cancelled(&[json!({ "Code": "TransactionConflict" })]))
        } else {
            let before = table.quantity(USER, MUG).unwrap();
            let answer = table.call(index, &call.operation, &call.request);
            let after = table.quantity(USER, MUG).unwrap();
            assert!((0..=10_000).contains(&after), "{after}");
            if before != after {
                assert_eq!(Some(after), writer.wanted.of(before), "{:?}", writer.wanted);
                writer.written += 1;
                race.effective += 1;
                sum += after - before;
            }
            // Where the answer is lost, the writer asks again.
            race.faults[0] += usize::from(fault == 1);
            (fault != 1).then_some(answer)
        };
        writer.network.answer(heard);
        writer.next = until_asking(&mut writer.running, &writer.network, &mut writer.tokens);
    }
    for writer in &writers {
        let Next::Ends(answer) = &writer.next else { panic!("nobody is running") };
        assert!(writer.written <= 1, "{:?} was written {} times", writer.wanted, writer.written);
        assert!(answer.is_some() || writer.written == 0, "{:?} was written and refused", writer.wanted);
        race.accepted += usize::from(answer.is_some());
        race.refused += usize::from(answer.is_none());
    }
    assert_eq!(table.quantity(USER, MUG), Some(sum));
    race
}

#[test]
fn sixty_four_writers_leave_the_sum_of_what_was_accepted() {
    let mut all = Race::default();
    for seed in 0..16 {
        let race = catch_unwind(AssertUnwindSafe(|| race(seed, seed % 2 == 1))).unwrap_or_else(|broken| {
            println!("broken by seed {seed}");
            resume_unwind(broken)
        });
        all.accepted += race.accepted;
        all.refused += race.refused;
        all.effective += race.effective;
        all.faults = [0, 1].map(|fault| all.faults[fault] + race.faults[fault]);
    }
    println!("{all:?}");
    assert!(all.effective > 8 * WRITERS && all.refused > WRITERS, "both happen, or this proves little: {all:?}");
    assert!(all.faults.iter().all(|number| *number > WRITERS), "so do faults: {all:?}");
}
