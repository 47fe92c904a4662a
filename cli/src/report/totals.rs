//! Totals in words: what a recount will do, and what a check found.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    answer::{Answer, aligned},
    streams,
    text::Text,
    units::{plural, seconds},
};
use crate::{
    domain::totals::Corrected,
    plan::totals::{Standing, Sums, at_rate},
};

/// Prints what a recount will do.
pub(crate) fn show_rebuild(before: &Sums, rate: u32) {
    streams::story(&rebuild_text(before, rate));
}

pub(super) fn rebuild_text(before: &Sums, rate: u32) -> String {
    let standings = before.standings();
    let differing = standings.iter().filter(|standing| !standing.is_right()).count();
    let items = usize::try_from(before.items).unwrap_or(usize::MAX);
    format!(
        "recount the totals of {}; {differing} of them differ from the carts\n\
         touch {} in carts, at most {rate} a second, which takes {} or more; the shop stays open\n",
        plural(standings.len(), "product"),
        plural(items, "item"),
        seconds(at_rate(items, rate)),
    )
}

/// The result of a check: the products whose totals are wrong, or `all` products, and what a recount corrected before.
pub(crate) fn answer(sums: &Sums, wrong: &BTreeSet<String>, all: bool, corrected: Option<&[Corrected]>) -> Answer {
    let mut text = Text::default();
    let changed: Vec<_> = corrected.unwrap_or_default().iter().filter(|total| total.was != Some(total.is)).collect();
    if corrected.is_some() {
        if changed.is_empty() {
            text.line("Recount finished: all totals were correct.");
        } else {
            let row = |total: &&Corrected| [total.product.clone(), shown(total.was), total.is.to_string()];
            text.add(aligned(&headed(["recounted", "was", "is"], changed.iter().map(row))));
        }
    }
    let standings = sums.standings();
    let shown_standings: Vec<_> = standings.iter().filter(|standing| all || wrong.contains(&standing.product)).collect();
    let verdict = |standing: &Standing| if wrong.contains(&standing.product) { "wrong" } else { "correct" };
    if !shown_standings.is_empty() {
        let row = |standing: &&Standing| {
            [standing.product.clone(), standing.held.to_string(), shown(standing.total), verdict(standing).to_owned()]
        };
        text.add(aligned(&headed(["product", "carts hold", "total says", ""], shown_standings.iter().map(row))));
    }
    if wrong.is_empty() {
        let items = usize::try_from(sums.items).unwrap_or(usize::MAX);
        let (products, items) = (plural(standings.len(), "product"), plural(items, "item"));
        text.line(format_args!("All totals are correct: {products}, {items} in carts."));
    }
    if sums.unreadable > 0 {
        let items = usize::try_from(sums.unreadable).unwrap_or(usize::MAX);
        text.line(format_args!("Not counted, because the quantity is no valid number: {}.", plural(items, "item")));
    }
    let products: Vec<_> = shown_standings
        .iter()
        .map(|standing| {
            let right = !wrong.contains(&standing.product);
            json!({ "product": standing.product, "held": standing.held, "total": standing.total, "right": right })
        })
        .collect();
    let mut json = json!({
        "right": wrong.is_empty(), "items": sums.items, "unreadable": sums.unreadable, "products": products,
    });
    if corrected.is_some() {
        let total = |total: &&Corrected| json!({ "product": total.product, "was": total.was, "is": total.is });
        json["corrected"] = changed.iter().map(total).collect();
    }
    Answer::new(text.into(), json)
}

fn headed<const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl Iterator<Item = [String; COLUMNS]>) -> Vec<[String; COLUMNS]> {
    std::iter::once(head.map(str::to_owned)).chain(rows).collect()
}

fn shown(total: Option<i64>) -> String {
    total.map_or_else(|| "none".to_owned(), |total| total.to_string())
}

#[cfg(test)]
mod tests {
    use cart_contract::table::Generations;

    use super::*;
    use crate::domain::totals::{ItemKey, Row};

    fn sums() -> Sums {
        let mut sums = Sums::default();
        for (product, held, total) in [("cup", 2, Some(2)), ("mug", 3, Some(99)), ("pot", 0, Some(-1)), ("tray", 1, None)] {
            if held > 0 {
                let key = ItemKey { owner: "cart#1".to_owned(), product: product.to_owned() };
                sums.add(Row::Item { key, quantity: Some(held) });
            }
            if total.is_some() {
                sums.add(Row::Total { product: product.to_owned(), quantity: total, generations: Generations::default() });
            }
        }
        sums.add(Row::Item { key: ItemKey { owner: "user#a".to_owned(), product: "cup".to_owned() }, quantity: None });
        sums
    }

    #[test]
    fn a_check_and_a_rebuild_can_be_read() {
        let wrong: BTreeSet<_> = ["mug", "pot", "tray"].map(str::to_owned).into();
        let corrected = |product: &str, was, is| Corrected { product: product.to_owned(), was, is };
        let corrected = [corrected("cup", Some(2), 2), corrected("mug", Some(99), 3), corrected("pot", None, 0)];
        let all_right = BTreeSet::new();
        let answers = [
            answer(&sums(), &wrong, false, None),
            answer(&sums(), &wrong, true, None),
            answer(&sums(), &all_right, false, Some(&corrected)),
            answer(&Sums::default(), &all_right, true, Some(&[])),
        ];
        let answers = answers.map(|answer| format!("{}{}", answer.text(), answer.json()));
        insta::assert_snapshot!([vec![rebuild_text(&sums(), 100)], answers.to_vec()].concat().join("\n\n"));
    }

    #[test]
    fn nobodys_cart_is_named() {
        let answer = answer(&sums(), &BTreeSet::from(["mug".to_owned()]), true, None);
        for told in [answer.text().to_owned(), answer.json().to_string()] {
            assert!(!told.contains("cart#") && !told.contains("user#"), "{told}");
        }
    }
}
