//! Where services are whose SDK is not here: in every partition, with FIPS and dual-stack endpoints. Knows no request.
//!
//! The domains of partitions are those of the SDK, which has the table of all of them. The rules of each service are those of its SDK:
//! <https://github.com/boto/botocore/tree/develop/botocore/data>, `endpoint-rule-set-1.json`.

use aws_config::SdkConfig;
use aws_sdk_ssm::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_types::service_config::ServiceConfigKey;

use super::{Error, ErrorKind, innermost};

/// A service that this program calls without its SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    ApiGateway,
    Logs,
    CloudFront,
}

/// Where a service is, and for which region its requests are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Without a slash at the end.
    pub url: String,
    pub region: String,
}

impl Service {
    /// As in signatures.
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::Logs => "logs",
            Self::CloudFront => "cloudfront",
        }
    }

    /// As in the names of variables: `AWS_ENDPOINT_URL_API_GATEWAY`.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::ApiGateway => "API Gateway",
            Self::Logs => "CloudWatch Logs",
            Self::CloudFront => "CloudFront",
        }
    }

    /// The version of the API.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::ApiGateway => "2015-07-09",
            Self::Logs => "2014-03-28",
            Self::CloudFront => "2020-05-31",
        }
    }

    /// Where the service is: at the URL that flag, environment or profile name, or where AWS has it.
    pub(super) async fn address(self, sdk: &SdkConfig, region: &str) -> Result<Address, Error> {
        let (fips, dual_stack) = (sdk.use_fips().unwrap_or_default(), sdk.use_dual_stack().unwrap_or_default());
        let domain = domain(region, dual_stack).await?;
        let address = self.of_aws(region, &domain, fips, dual_stack);
        Ok(match self.configured(sdk) {
            Some(url) => Address { url: url.trim_end_matches('/').to_owned(), ..address },
            None => address,
        })
    }

    fn configured(self, sdk: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(self.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let own = || sdk.service_config()?.load_config(key.ok()?);
        // A flag is for all services; a variable for one of them wins over that for all.
        let all = || sdk.endpoint_url().map(str::to_owned);
        if sdk.get_origin("endpoint_url").is_client_config() { all() } else { own().or_else(all) }
    }

    fn of_aws(self, region: &str, domain: &str, fips: bool, dual_stack: bool) -> Address {
        let name = self.signing_name();
        let host = if fips { format!("{name}-fips") } else { name.to_owned() };
        let government = region.starts_with("us-gov-");
        let (url, region) = match self {
            Self::CloudFront if domain.split('.').next_back() == Some("cn") => {
                (format!("https://{name}.cn-northwest-1.{domain}"), "cn-northwest-1")
            }
            Self::CloudFront if dual_stack => (format!("https://{host}.global.{domain}"), "us-east-1"),
            Self::CloudFront => (format!("https://{host}.{domain}"), "us-east-1"),
            // All endpoints of this partition comply.
            Self::Logs if government && !dual_stack => (format!("https://{name}.{region}.{domain}"), region),
            Self::ApiGateway | Self::Logs => (format!("https://{host}.{region}.{domain}"), region),
        };
        Address { url, region: region.to_owned() }
    }
}

/// The domain of a region's hosts, for example `amazonaws.com.cn`.
pub(super) async fn domain(region: &str, dual_stack: bool) -> Result<String, Error> {
    let failed = |reason: String| Error::new("finding the hosts of the region", ErrorKind::NoRegion, reason);
    let parameters = Params::builder().region(region).use_fips(false).use_dual_stack(dual_stack).build();
    let parameters = parameters.map_err(|error| failed(error.to_string()))?;
    let resolver = DefaultResolver::new();
    let endpoint = resolver.resolve_endpoint(&parameters).await.map_err(|error| failed(innermost(&*error)))?;
    let domain = endpoint.url().strip_prefix(&format!("https://ssm.{region}."));
    domain.map(str::to_owned).ok_or_else(|| failed(format!("nothing is known of {region}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_is_where_its_partition_has_it() {
        use Service::{ApiGateway, CloudFront, Logs};
        for (service, region, fips, dual_stack, url, signed_for) in [
            (ApiGateway, "eu-west-1", false, false, "https://apigateway.eu-west-1.amazonaws.com", "eu-west-1"),
            (ApiGateway, "us-east-1", true, false, "https://apigateway-fips.us-east-1.amazonaws.com", "us-east-1"),
            (ApiGateway, "eu-west-1", false, true, "https://apigateway.eu-west-1.api.aws", "eu-west-1"),
            (ApiGateway, "us-east-1", true, true, "https://apigateway-fips.us-east-1.api.aws", "us-east-1"),
            (ApiGateway, "cn-north-1", false, false, "https://apigateway.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            (ApiGateway, "cn-north-1", false, true, "https://apigateway.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
            (ApiGateway, "us-gov-west-1", false, false, "https://apigateway.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            (ApiGateway, "eusc-de-east-1", false, false, "https://apigateway.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
            (Logs, "eu-west-1", false, false, "https://logs.eu-west-1.amazonaws.com", "eu-west-1"),
            (Logs, "us-west-2", true, false, "https://logs-fips.us-west-2.amazonaws.com", "us-west-2"),
            (Logs, "us-gov-east-1", true, false, "https://logs.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
            (Logs, "cn-northwest-1", false, false, "https://logs.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
            (Logs, "us-iso-east-1", false, false, "https://logs.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
            (CloudFront, "eu-west-1", false, false, "https://cloudfront.amazonaws.com", "us-east-1"),
            (CloudFront, "eu-west-1", true, false, "https://cloudfront-fips.amazonaws.com", "us-east-1"),
            (CloudFront, "eu-west-1", false, true, "https://cloudfront.global.api.aws", "us-east-1"),
            (CloudFront, "cn-north-1", false, false, "https://cloudfront.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
        ] {
            let address = service.of_aws(region, &domain(region, dual_stack).await.unwrap(), fips, dual_stack);
            let expected = Address { url: url.to_owned(), region: signed_for.to_owned() };
            assert_eq!(address, expected, "{service:?} in {region}, fips {fips}, dual-stack {dual_stack}");
        }
    }

    #[tokio::test]
    async fn a_region_that_opens_tomorrow_is_in_its_partition() {
        for (region, expected) in
            [("eu-west-9", "amazonaws.com"), ("cn-south-1", "amazonaws.com.cn"), ("us-gov-north-1", "amazonaws.com")]
        {
            assert_eq!(domain(region, false).await.unwrap(), expected);
        }
    }
}
