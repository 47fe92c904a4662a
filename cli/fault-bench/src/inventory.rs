//! What there is in the account besides stacks: tables, pools, parameters, buckets. It outlives the stacks, so that a test can ask
//! what was lost and what nobody owns any more. Knows also how long anything takes, and what fails when it is tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::{ACCOUNT, REGION, logs::Logs, stack::Resource, template::own_name};

/// What there is, and how things behave.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Everything that was made and not deleted, by type and name.
    pub things: BTreeMap<(String, String), Thing>,
    /// What was made to be retained, and once belonged to a finished stack.
    pub treasures: BTreeSet<(String, String)>,
    /// The parameter store.
    pub parameters: BTreeMap<String, String>,
    /// The objects of each bucket.
    pub buckets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// The buckets that keep what is overwritten.
    pub versioned: BTreeSet<String>,
    /// The headers that a bucket takes no object without.
    pub demanded: BTreeMap<String, BTreeMap<String, String>>,
    /// The buckets that kept it once.
    pub suspended: BTreeSet<String>,
    /// What was uploaded to them, by version.
    pub versions: BTreeMap<String, Vec<u8>>,
    /// The objects, by bucket and key, whose SHA-256 their uploader named.
    pub checked: BTreeSet<(String, String)>,
    /// What Lambda runs, by function.
    pub functions: BTreeMap<String, Function>,
    /// As whom API Gateway writes logs.
    pub gateway_role: Option<String>,
    /// The bodies of invalidations in CloudFront, one for each reference of a caller.
    pub invalidations: Vec<String>,
    /// What functions printed.
    pub logs: Logs,
    /// Failures that are still to come.
    pub troubles: Vec<Trouble>,
    /// Failures that were met.
    pub met: Vec<Trouble>,
    /// How long things take.
    pub latencies: Latencies,
    made: usize,
}

/// A function, as Lambda has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Where its code came from.
    from: Json,
    /// Its code.
    pub code: Vec<u8>,
    /// Everything else, as far as a version has it.
    configuration: Json,
    /// What was published and not deleted, by number.
    pub versions: BTreeMap<usize, Version>,
    published: usize,
}

/// What a function was when a version of it was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The code.
    pub code: Vec<u8>,
    configuration: Json,
}

/// The SHA-256 of some content, as AWS writes it.
pub fn sha256(content: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(content))
}

/// Something in the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// The ARN of the stack that made it.
    pub stack: String,
    /// Its name in that stack's template.
    pub logical_id: String,
}

/// A resource that fails.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The stack's name.
    pub stack: String,
    /// Which resource; a type of resources will do.
    pub resource: String,
    /// While what is done to it.
    pub during: During,
    /// What CloudFormation says about it.
    pub reason: String,
    /// Whether it fails again.
    pub always: bool,
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// A change set is made. Fails as a whole.
    Planning,
    /// It is made, also in the place of another one.
    Create,
    /// It is changed.
    Update,
    /// It is taken away, whatever for.
    Delete,
    /// It is made again what it was before an update.
    Rollback,
}

/// How long things take.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// One resource of this type, in milliseconds.
    pub resource: fn(&str) -> u64,
    /// Resources that take longer, by logical id.
    pub slow: BTreeMap<String, u64>,
    /// Every clean-up, in milliseconds.
    pub clean_up: u64,
    /// How much of a list one answer holds.
    pub page: usize,
    /// How often a change set is still being made when it is asked for.
    pub pending_polls: usize,
    /// Every call.
    pub call: Duration,
    /// What moves time.
    pub clock: Clock,
}

/// What moves time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Calls: by this many milliseconds for a stack at each call about it. The same calls see the same, however fast they come.
    Calls(u64),
    /// The time of this machine.
    Wall,
}

impl Default for Latencies {
    /// A few calls are enough to see a stack through.
    fn default() -> Self {
        Self {
            resource: |_| 2,
            slow: BTreeMap::new(),
            clean_up: 2,
            page: 100,
            pending_polls: 1,
            call: Duration::ZERO,
            clock: Clock::Calls(10),
        }
    }
}

impl Latencies {
    /// About as AWS has it.
    pub fn realistic() -> Self {
        let resource = |kind: &str| match kind {
            "AWS::DynamoDB::Table" => 10_000,
            "AWS::Lambda::EventSourceMapping" => 5_000,
            "AWS::Cognito::UserPool" => 3_000,
            "AWS::ApiGateway::RestApi" | "AWS::Lambda::Function" => 2_000,
            _ => 500,
        };
        Self { resource, clean_up: 1_000, call: Duration::from_millis(50), clock: Clock::Wall, ..Self::default() }
    }

    /// How long this resource takes.
    pub fn of(&self, kind: &str, logical_id: &str) -> u64 {
        self.slow.get(logical_id).copied().unwrap_or_else(|| (self.resource)(kind))
    }
}

impl Inventory {
    /// Why this fails now, if it does.
    pub fn trouble(&mut self, stack: &str, kind: &str, logical_id: &str, during: During) -> Option<String> {
        let is_it = |trouble: &Trouble| {
            trouble.stack == stack && trouble.during == during && (trouble.resource == logical_id || trouble.resource == kind)
        };
        let place = self.troubles.iter().position(is_it)?;
        let trouble = self.troubles[place].clone();
        self.met.push(trouble.clone());
        if !trouble.always {
            self.troubles.remove(place);
        }
        Some(trouble.reason)
    }

    /// Makes what a resource describes; its name.
    ///
    /// # Errors
    /// As CloudFormation tells it.
    pub fn make(&mut self, stack: (&str, &str), logical_id: &str, definition: &Json) -> Result<String, String> {
        let (kind, properties) = (definition["Type"].as_str().unwrap_or_default(), &definition["Properties"]);
        let (id, name) = stack;
        self.made += 1;
        // A bucket's name has no capitals, and a name of one's own is unique.
        let generated = || format!("{name}-{logical_id}-{}", self.made);
        let physical_id = own_name(kind, properties).unwrap_or_else(generated);
        let physical_id = if kind == "AWS::S3::Bucket" { physical_id.to_lowercase() } else { physical_id };
        let key = (kind.to_owned(), physical_id.clone());
        if self.things.contains_key(&key) {
            return Err(format!("{physical_id} already exists"));
        }
        self.put(kind, &physical_id, properties)?;
        let physical_id = if kind == "AWS::Lambda::Version" { self.publish(properties)? } else { physical_id };
        let key = (kind.to_owned(), physical_id.clone());
        self.things.insert(key, Thing { stack: id.to_owned(), logical_id: logical_id.to_owned() });
        Ok(physical_id)
    }

    /// Makes a thing what its properties say.
    ///
    /// # Errors
    /// As CloudFormation tells it.
    pub fn put(&mut self, kind: &str, physical_id: &str, properties: &Json) -> Result<(), String> {
        match kind {
            "AWS::SSM::Parameter" => {
                self.parameters.insert(physical_id.to_owned(), properties["Value"].as_str().unwrap_or_default().to_owned());
            }
            "AWS::S3::Bucket" => {
                self.buckets.entry(physical_id.to_owned()).or_default();
                if properties["VersioningConfiguration"]["Status"] == "Enabled" {
                    self.versioned.insert(physical_id.to_owned());
                }
            }
            "AWS::ApiGateway::Account" => self.gateway_role = properties["CloudWatchRoleArn"].as_str().map(str::to_owned),
            "AWS::Lambda::Function" => return self.put_function(physical_id, properties),
            _ => {}
        }
        Ok(())
    }

    /// CloudFormation has Lambda read code again only if the template names another place.
    fn put_function(&mut self, name: &str, properties: &Json) -> Result<(), String> {
        let from = &properties["Code"];
        if self.functions.get(name).is_none_or(|function| function.from != *from) {
            let [bucket, key] = ["S3Bucket", "S3Key"].map(|name| from[name].as_str().unwrap_or_default());
            let code = self.buckets.get(bucket).and_then(|objects| objects.get(key)).cloned();
            let missing = || format!("Error occurred while GetObject. S3 Error Code: NoSuchKey. ({bucket}/{key})");
            let code = code.ok_or_else(missing)?;
            let function = self.functions.entry(name.to_owned()).or_default();
            (function.code, function.from) = (code, from.clone());
        }
        let mut configuration = properties.clone();
        for other in ["Code", "ReservedConcurrentExecutions", "Tags"] {
            configuration.as_object_mut().map(|properties| properties.remove(other));
        }
        self.functions.entry(name.to_owned()).or_default().configuration = configuration;
        Ok(())
    }

    /// Publishes a version of a function, as
    /// [Lambda](https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html) does: none of other code than the expected one,
    /// and none of a function that has not changed. Its ARN.
    fn publish(&mut self, properties: &Json) -> Result<String, String> {
        let name = properties["FunctionName"].as_str().unwrap_or_default();
        let Some(function) = self.functions.get_mut(name) else { return Err(format!("Function not found: {name}")) };
        let code = sha256(&function.code);
        if let Some(wanted) = properties["CodeSha256"].as_str()
            && wanted != code
        {
            return Err(format!(
                "Resource handler returned message: \"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({code}). \
                 Please try again with the CodeSHA256 in $LATEST. (Service: Lambda, Status Code: 400)\""
            ));
        }
        let version = Version { code: function.code.clone(), configuration: function.configuration.clone() };
        if let Some((number, _)) = function.versions.last_key_value().filter(|(_, last)| **last == version) {
            return Err(format!(
                "A version for this Lambda function exists ( {number} ). Modify the function to create a new version."
            ));
        }
        function.published += 1;
        let number = function.published;
        function.versions.insert(number, version);
        Ok(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:{number}"))
    }

    /// What S3 says of an object that was uploaded: headers.
    pub fn upload(&mut self, bucket: &str, key: &str, content: Vec<u8>, checksum: Option<&str>) -> Json {
        let place = (bucket.to_owned(), key.to_owned());
        if checksum.is_some() {
            self.checked.insert(place);
        } else {
            self.checked.remove(&place);
        }
        let version = self.versioned.contains(bucket).then(|| {
            // It has a character that an URL would take for another.
            let version = format!("version+{}", self.versions.len());
            self.versions.insert(version.clone(), content.clone());
            version
        });
        self.buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), content);
        json!({ "x-amz-version-id": version.or_else(|| self.suspended.contains(bucket).then(|| "null".to_owned())) })
    }

    /// Takes a thing away.
    ///
    /// # Errors
    /// As CloudFormation tells it.
    pub fn delete(&mut self, resource: &Resource) -> Result<(), String> {
        let Some(physical_id) = &resource.physical_id else { return Ok(()) };
        let properties = &resource.definition["Properties"];
        if let Some(refusal) = deletion_protection(properties) {
            return Err(refusal.to_owned());
        }
        if self.buckets.get(physical_id).is_some_and(|objects| !objects.is_empty()) {
            return Err("The bucket you tried to delete is not empty".to_owned());
        }
        self.things.remove(&(resource.kind().to_owned(), physical_id.clone()));
        match resource.kind() {
            "AWS::SSM::Parameter" => drop(self.parameters.remove(physical_id)),
            "AWS::S3::Bucket" => drop(self.buckets.remove(physical_id)),
            "AWS::Lambda::Function" => drop(self.functions.remove(physical_id)),
            "AWS::Lambda::Version" => {
                let (arn, number) = physical_id.rsplit_once(':').unwrap_or_default();
                let function = arn.rsplit(':').next().and_then(|name| self.functions.get_mut(name));
                function.zip(number.parse().ok()).and_then(|(function, number)| function.versions.remove(&number));
            }
            // The setting stays, and names a role that may be gone.
            _ => {}
        }
        Ok(())
    }
}

/// Why this table or pool is not deleted, in the words of DynamoDB and Cognito.
fn deletion_protection(properties: &Json) -> Option<&'static str> {
    if properties["DeletionProtectionEnabled"] == true {
        return Some(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
        );
    }
    let active = properties["DeletionProtection"] == "ACTIVE";
    active.then_some(
        "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.",
    )
}
