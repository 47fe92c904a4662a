//! The names of the table's attributes and the parts of its keys are spelled in `contract::table` and nowhere else: what two crates
//! spell, one of them can misspell. Looks at production code as text. Tests spell the names on purpose, as an independent opinion.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cart_contract::table::{CARTS, NOTES, PRODUCT, TOTAL, USERS, attribute};

/// Where a name of the table is the name of something else: the file, the name, and of what.
const OTHERS: [(&str, &str, &str); 6] = [
    ("cli/src/args.rs", CARTS, "an example of a filter that a user types"),
    ("cli/src/report/totals.rs", attribute::RECOUNTED, "a word in the head of a table"),
    ("cli/src/report/words.rs", attribute::FINISHED, "a word for an operation that ended"),
    ("lambdas/bench/src/functions.rs", attribute::QUANTITY, "a field of requests and answers of the API"),
    ("lambdas/cart/src/handlers/get_cart_total.rs", attribute::QUANTITY, "a field of the answer"),
    ("lambdas/cart/src/handlers/update_cart.rs", attribute::QUANTITY, "a field of the answer"),
];

#[test]
fn nobody_else_spells_the_names_of_the_table() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["cli/src", "infra", "lambdas/bench/src", "lambdas/cart/src", "lambdas/products/src", "lambdas/shared/src"] {
        sources(&workspace.join(folder), &mut files);
    }
    let (mut literals, mut found) = (0, BTreeSet::new());
    for file in &files {
        let code = fs::read_to_string(file).unwrap();
        let name = file.strip_prefix(&workspace).unwrap().to_str().unwrap();
        for literal in literals_in(code.split("mod tests {").next().unwrap()) {
            literals += 1;
            found.extend(names_in(literal).map(|spelled| (name.to_owned(), spelled)));
        }
    }
    let allowed = OTHERS.map(|(file, name, _)| (file.to_owned(), name));
    assert_eq!(found, BTreeSet::from(allowed));
    assert!(files.len() > 100 && literals > 1000, "{literals} in {}", files.len());
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("tests") {
            sources(&entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
}

/// The texts between quotes in code, without those in comments.
fn literals_in(code: &str) -> Vec<&str> {
    let mut literals = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, here) = rest.split_at(at);
        let skipped = if here.starts_with("//") {
            here.find('\n').unwrap_or(here.len())
        } else if here.starts_with("'\"'") {
            3
        } else if let Some(text) = here.strip_prefix('"') {
            let hashes = before.len() - before.trim_end_matches('#').len();
            let raw = before[..before.len() - hashes].ends_with('r');
            let end = if raw { text.find(&format!("\"{}", "#".repeat(hashes))) } else { end_of_escaped(text) }.unwrap();
            literals.push(&text[..end]);
            end + 2
        } else {
            1
        };
        rest = &here[skipped..];
    }
    literals
}

fn end_of_escaped(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}

/// The names that a literal spells: as the whole of it or in an expression. Those that are no words, anywhere in it.
fn names_in(literal: &str) -> impl Iterator<Item = &'static str> {
    let is_expression = literal.contains(" :") || literal.contains("attribute_");
    let words = literal.split(|c: char| !c.is_ascii_alphanumeric() && !"_:{}".contains(c));
    let words: BTreeSet<_> = words.filter(|_| is_expression).chain([literal]).map(str::to_owned).collect();
    let literal = literal.to_owned();
    let no_words =
        [CARTS, USERS, PRODUCT, NOTES, TOTAL, attribute::PRODUCT_DETAIL, attribute::EXPIRATION_TIME, attribute::COUNTED_UP_TO];
    let no_words = no_words.into_iter().filter(move |name| literal.contains(name));
    no_words.chain(attribute::ALL.into_iter().filter(move |name| words.contains(*name)))
}

#[test]
fn names_are_found_where_code_spells_them() {
    let spelled = |code| literals_in(code).into_iter().flat_map(names_in).collect::<BTreeSet<_>>();
    for (code, names) in [
        (r#"item.get("generation")"#, vec!["generation"]),
        (r#"let update = "SET quantity = :quantity REMOVE migration";"#, vec!["migration", "quantity"]),
        (r#"json!("{ \"expirationTime\": 1 }")"#, vec!["expirationTime"]),
        ("r##\"a\"#product#\"##", vec!["product#"]),
        (r#"x == '"' && y == "pk""#, vec!["pk"]),
        (r#"println!("the \"generation\" that was counted")"#, vec![]),
        (r#"format!("{QUANTITY} = :quantity")"#, vec![]),
        ("// \"pk\"\n\"sk\"", vec!["sk"]),
        ("text / \"finished\"", vec!["finished"]),
    ] {
        assert_eq!(spelled(code), BTreeSet::from_iter(names), "{code}");
    }
}
