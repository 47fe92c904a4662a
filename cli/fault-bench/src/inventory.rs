//! What there is in the account besides stacks: tables, pools, parameters, buckets. It outlives the stacks, so that a test can ask
//! what was lost and what nobody owns any more. Knows also how long anything takes, and what fails when it is tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value as Json;

use crate::{logs::Logs, stack::Resource, template::own_name};

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
            }
            "AWS::ApiGateway::Account" => self.gateway_role = properties["CloudWatchRoleArn"].as_str().map(str::to_owned),
            "AWS::Lambda::Function" => {
                let [bucket, key] = ["S3Bucket", "S3Key"].map(|name| properties["Code"][name].as_str().unwrap_or_default());
                if !self.buckets.get(bucket).is_some_and(|objects| objects.contains_key(key)) {
                    return Err(format!("Error occurred while GetObject. S3 Error Code: NoSuchKey. ({bucket}/{key})"));
                }
            }
            _ => {}
        }
        Ok(())
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
