//! What is said where AWS refuses, whichever service does so, and in whichever form.

use crate::{
    stand_in::{Answer, StandIn},
    traveller::{CREDENTIALS, Traveller, answer},
};

/// Runs a command against an AWS that refuses whatever this service is asked.
fn refused(service: &'static str, command: &[&str], region: &str, refusal: Answer) -> (i32, String) {
    let aws = StandIn::new(move |asked| if asked.service() == service { refusal.clone() } else { answer(asked) });
    let traveller = Traveller::new("").with_keys();
    let run = traveller.run(&[command, &["--region", region, "--endpoint-url", &aws.url]].concat());
    let said: String =
        run.stderr.lines().filter(|line| line.starts_with("error: ") || line.starts_with("hint: ")).collect::<Vec<_>>().join("\n");
    (run.code, traveller.anonymous(&said).replace(&aws.url, "[url]"))
}

fn xml(status: u16, code: &str, message: &str) -> Answer {
    let body =
        format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
    Answer::new(status, body)
}

fn json(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status, format!(r#"{{"__type":"com.amazonaws.ssm#{code}","message":"{message}"}}"#))
}

const EXPIRED: &str = "The security token included in the request is expired";
const INVALID: &str = "The security token included in the request is invalid";

#[test]
fn every_refusal_has_its_own_words_and_next_step() {
    let status = &["status"][..];
    let env = &["frontend-env", "--format", "json"][..];
    let who = &["totals"][..];
    for (name, service, command, region, refusal, code) in [
        (
            "clock",
            "cloudformation",
            status,
            "eu-west-1",
            xml(403, "SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than 20200101T010000Z"),
            CREDENTIALS,
        ),
        (
            "clock of json",
            "ssm",
            env,
            "eu-west-1",
            json(400, "InvalidSignatureException", "Signature not yet current: 1 is still later than 2"),
            CREDENTIALS,
        ),
        ("expired", "cloudformation", status, "eu-west-1", xml(403, "ExpiredToken", EXPIRED), CREDENTIALS),
        ("expired json", "ssm", env, "eu-west-1", json(400, "ExpiredTokenException", EXPIRED), CREDENTIALS),
        ("expired sts", "sts", who, "eu-west-1", xml(403, "ExpiredToken", EXPIRED), CREDENTIALS),
        ("unknown key", "cloudformation", status, "eu-west-1", xml(403, "InvalidClientTokenId", INVALID), CREDENTIALS),
        ("region not enabled", "cloudformation", status, "ap-east-1", xml(403, "InvalidClientTokenId", INVALID), CREDENTIALS),
        ("region not enabled json", "ssm", env, "me-south-1", json(400, "UnrecognizedClientException", INVALID), CREDENTIALS),
        (
            "not signed up",
            "cloudformation",
            status,
            "eu-west-1",
            xml(403, "OptInRequired", "The AWS Access Key Id needs a subscription for the service"),
            CREDENTIALS,
        ),
        (
            "wrong secret",
            "cloudformation",
            status,
            "eu-west-1",
            xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
            CREDENTIALS,
        ),
        (
            "mfa",
            "cloudformation",
            status,
            "eu-west-1",
            xml(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code."),
            CREDENTIALS,
        ),
        (
            "denied",
            "cloudformation",
            status,
            "eu-west-1",
            xml(
                403,
                "AccessDenied",
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: cloudformation:DescribeStacks on resource: arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/* because no identity-based policy allows the cloudformation:DescribeStacks action",
            ),
            1,
        ),
        ("only a status 403", "cloudformation", status, "eu-west-1", Answer::new(403, ""), 1),
        ("only a status 503", "ssm", env, "eu-west-1", Answer::new(503, ""), 1),
        (
            "redirect",
            "ssm",
            env,
            "eu-west-1",
            Answer { headers: vec![("location", "https://elsewhere.example/".to_owned())], ..Answer::new(307, "") },
            1,
        ),
        (
            "login page",
            "cloudformation",
            status,
            "eu-west-1",
            Answer { headers: vec![("content-type", "text/html".to_owned())], ..Answer::new(403, "<html>") },
            1,
        ),
    ] {
        let (ended, said) = refused(service, command, region, refusal);
        assert_eq!(ended, code, "{name}: {said}");
        // All stacks are asked about at once, and any answer may be the first.
        insta::with_settings!({ filters => [(r"the stack \S+", "the stack [stack]")] }, { insta::assert_snapshot!(name, said) });
    }
}

#[test]
fn a_clock_that_is_wrong_is_compared_with_that_of_aws() {
    let refusal = Answer {
        headers: vec![("date", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())],
        ..xml(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
    };
    let (code, said) = refused("cloudformation", &["status"], "eu-west-1", refusal);
    assert_eq!(code, CREDENTIALS);
    assert!(said.contains(" min ahead of that of AWS") && said.contains("hint: set the clock of this machine"), "{said}");
}
