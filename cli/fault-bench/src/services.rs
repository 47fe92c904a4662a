//! The services beside CloudFormation that a deployment asks: the caller's identity, published parameters, uploaded code, the role of
//! API Gateway, logs, invalidations. Knows nothing of what an app calls itself.

use serde_json::{Value as Json, json};

use crate::{
    ACCOUNT,
    account::Account,
    call::{Call, Refusal, Service},
    cloudformation,
    inventory::sha256,
};

/// Answers a call of any service.
pub(crate) fn answer(call: &Call, account: &mut Account) -> Result<Json, Refusal> {
    match &call.service {
        Service::CloudFormation => cloudformation::answer(call, account),
        Service::Sts => sts(call),
        Service::Ssm => ssm(call, account),
        Service::S3 => s3(call, account),
        Service::Logs => account.inventory.logs.answer(call, account.inventory.latencies.page),
        Service::ApiGateway => Ok(json!({ "cloudwatchRoleArn": account.inventory.gateway_role })),
        Service::CloudFront => Ok(invalidation(call, account)),
        Service::Other(target) => panic!("nothing stands in for {target}"),
    }
}

/// Invalidates once for each reference of a caller.
fn invalidation(call: &Call, account: &mut Account) -> Json {
    let body = String::from_utf8_lossy(&call.body).into_owned();
    let invalidations = &mut account.inventory.invalidations;
    let place = invalidations.iter().position(|known| *known == body).unwrap_or_else(|| {
        invalidations.push(body);
        invalidations.len() - 1
    });
    json!({ "Id": format!("I{place}"), "Status": "InProgress" })
}

fn unknown(call: &Call) -> Refusal {
    Refusal::new(400, "InvalidAction", format!("Could not find operation {}", call.operation))
}

fn sts(call: &Call) -> Result<Json, Refusal> {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let arn = format!("arn:aws:iam::{ACCOUNT}:user/bench");
            Ok(json!({ "UserId": "AIDABENCH", "Account": ACCOUNT, "Arn": arn }))
        }
        "DecodeAuthorizationMessage" => {
            let context = json!({
                "principal": { "arn": format!("arn:aws:iam::{ACCOUNT}:user/bench") },
                "action": "dynamodb:CreateTable",
                "resource": format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/carts", crate::REGION),
            });
            Ok(json!({ "DecodedMessage": json!({ "allowed": false, "context": context }).to_string() }))
        }
        _ => Err(unknown(call)),
    }
}

fn ssm(call: &Call, account: &Account) -> Result<Json, Refusal> {
    if call.operation != "GetParametersByPath" {
        return Err(unknown(call));
    }
    let below = format!("{}/", call.argument("Path").unwrap_or_default().trim_end_matches('/'));
    let size = call.argument("MaxResults").and_then(|size| size.parse().ok()).unwrap_or(10);
    let start = call.argument("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let found: Vec<_> = account.inventory.parameters.iter().filter(|(name, _)| name.starts_with(&below)).collect();
    let page = found.iter().skip(start).take(size);
    let page: Vec<_> = page.map(|(name, value)| json!({ "Name": name, "Type": "String", "Value": value, "Version": 1 })).collect();
    let next = (start + size < found.len()).then(|| (start + size).to_string());
    Ok(json!({ "Parameters": page, "NextToken": next }))
}

/// An answer is its headers.
fn s3(call: &Call, account: &mut Account) -> Result<Json, Refusal> {
    let [bucket, key] = ["Bucket", "Key"].map(|name| call.argument(name).unwrap_or_default());
    let inventory = &mut account.inventory;
    let Some(objects) = inventory.buckets.get_mut(bucket) else {
        return Err(Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"));
    };
    if call.argument("ExpectedBucketOwner").is_some_and(|owner| owner != ACCOUNT) {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied"));
    }
    match call.operation.as_str() {
        "HeadObject" if !objects.contains_key(key) => {
            return Err(Refusal::new(404, "NoSuchKey", "The specified key does not exist."));
        }
        "HeadBucket" => {}
        "HeadObject" => {
            let is_checked = inventory.checked.contains(&(bucket.to_owned(), key.to_owned()));
            let is_asked = call.argument("x-amz-checksum-mode") == Some("ENABLED");
            return Ok(json!({ "x-amz-checksum-sha256": (is_checked && is_asked).then(|| sha256(&objects[key])) }));
        }
        "PutObject" => {
            let demanded = inventory.demanded.get(bucket).into_iter().flatten();
            if demanded.into_iter().any(|(name, value)| call.argument(name) != Some(value)) {
                return Err(Refusal::new(403, "AccessDenied", "Access Denied"));
            }
            let checksum = call.argument("x-amz-checksum-sha256");
            if checksum.is_some_and(|checksum| checksum != sha256(&call.body)) {
                return Err(Refusal::new(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum."));
            }
            return Ok(inventory.upload(bucket, key, call.body.clone(), checksum));
        }
        "DeleteObject" => drop(objects.remove(key)),
        _ => return Err(unknown(call)),
    }
    Ok(json!({}))
}
