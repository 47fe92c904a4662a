//! Resource types are declared as AWS describes them in their schemas, which `cfn-lint` ships: the properties that replace a resource,
//! and the attributes that `Fn::GetAtt` can name.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use cfn::{
    diff::Replacement,
    resource::{Gives, Type, declared},
};
use serde_json::Value as Json;

/// Declarations that the schema does not have, and why.
const BEYOND_THE_SCHEMA: [(&str, &str, &str); 6] = [
    ("AWS::Cognito::UserPool", "AliasAttributes", "cannot be changed in Cognito"),
    ("AWS::Cognito::UserPool", "Schema", "attributes can be added in Cognito, and not be changed or removed"),
    ("AWS::Cognito::UserPool", "UsernameAttributes", "cannot be changed in Cognito"),
    ("AWS::Cognito::UserPool", "UsernameConfiguration", "cannot be changed in Cognito"),
    ("AWS::DynamoDB::Table", "AttributeDefinitions", "the type of a key changes here, without a change of KeySchema"),
    ("AWS::SQS::Queue", "QueueName", "a property, of which the documentation says that GetAtt gives it where it was generated"),
];

#[test]
fn the_schemas_say_what_is_declared() {
    let schemas = Schemas::installed();
    let mut beyond = BTreeSet::new();
    let mut missing = Vec::new();
    for declared in declared() {
        let schema = schemas.of(declared.name);
        let (in_schema, ours) = (replacing_by_schema(&schema), replacing(declared));
        missing.extend(in_schema.difference(&ours).map(|it| format!("{} is replaced by {it:?}", declared.name)));
        beyond.extend(ours.difference(&in_schema).map(|(property, _)| (declared.name, property.clone())));
        let readable = names(&schema["readOnlyProperties"]);
        beyond.extend(attributes(declared).filter(|it| !readable.contains(*it)).map(|it| (declared.name, it.to_owned())));
    }
    assert_eq!(missing, [""; 0]);
    let explained = BEYOND_THE_SCHEMA.map(|(kind, name, _)| (kind, name.to_owned()));
    assert_eq!(beyond, BTreeSet::from(explained));
}

#[test]
fn every_type_is_declared_once() {
    let names: Vec<_> = declared().map(|declared| declared.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

/// The properties that replace a resource, and whether they always do.
fn replacing(declared: &Type) -> BTreeSet<(String, bool)> {
    declared.replacing.iter().map(|(property, replacement)| ((*property).to_owned(), *replacement == Replacement::Always)).collect()
}

fn attributes(declared: &Type) -> impl Iterator<Item = &'static str> {
    declared.gives.iter().filter_map(|gives| if let Gives::GetAtt(name) = gives { Some(*name) } else { None })
}

/// The same, as the schema says it. A part of a property replaces the resource on a condition, seen from the property.
fn replacing_by_schema(schema: &Json) -> BTreeSet<(String, bool)> {
    let of = |list: &str, always: bool| {
        names(&schema[list]).into_iter().map(move |path| match path.split_once('.') {
            Some((property, _)) => (property.to_owned(), false),
            None => (path, always),
        })
    };
    of("createOnlyProperties", true).chain(of("conditionalCreateOnlyProperties", false)).collect()
}

/// `/properties/SnapStartResponse/ApplyOn` as `Fn::GetAtt` names it: `SnapStartResponse.ApplyOn`.
fn names(pointers: &Json) -> BTreeSet<String> {
    let pointers = pointers.as_array().into_iter().flatten().map(|pointer| pointer.as_str().unwrap());
    pointers.map(|pointer| pointer.strip_prefix("/properties/").unwrap().replace('/', ".")).collect()
}

/// The schemas of one region, as `cfn-lint` keeps them: an index from types to files.
struct Schemas {
    folder: PathBuf,
    index: Json,
}

impl Schemas {
    fn installed() -> Self {
        let environment = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv/lib"));
        let versions = fs::read_dir(&environment).unwrap_or_else(|_| panic!("cfn-lint is not installed: `make test` installs it"));
        let schemas = versions.map(|python| python.unwrap().path().join("site-packages/cfnlint/data/schemas"));
        let folder = schemas.into_iter().find(|folder| folder.is_dir()).expect("cfn-lint is installed with its schemas");
        let index = read(&folder.join("providers/us-east-1.json"));
        Self { folder, index }
    }

    fn of(&self, kind: &str) -> Json {
        let file = self.index[kind].as_str().unwrap_or_else(|| panic!("AWS has no type {kind}"));
        let schema = read(&self.folder.join("resources").join(format!("{file}.json")));
        assert_eq!(schema["typeName"], kind);
        schema
    }
}

fn read(file: &PathBuf) -> Json {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}
