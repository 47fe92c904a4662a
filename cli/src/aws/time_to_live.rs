//! DynamoDB's time to live, which the local cloud ignores in templates.

use aws_sdk_dynamodb::types::TimeToLiveSpecification;

use super::{Aws, Error};

impl Aws {
    /// Switches time to live on, by this attribute. For the local cloud only: on AWS the template does it.
    pub(crate) async fn enable_time_to_live(&self, table: &str, attribute: &str) -> Result<(), Error> {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
        let specification =
            specification.map_err(|error| Error::new("enabling time to live", super::ErrorKind::Other, error.to_string()))?;
        let call = client.update_time_to_live().table_name(table).time_to_live_specification(specification).send().await;
        match call.map_err(|error| Error::sdk(format!("enabling time to live on {table}"), error)) {
            // DynamoDB's answer if time to live is on already.
            Err(error) if error.has_code("ValidationException") && error.message.contains("already enabled") => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
