//! SSM Parameter Store: the values that stacks publish.

use std::collections::BTreeMap;

use super::{Aws, Error};

impl Aws {
    /// Every parameter below `path`, by its full name. One call per batch.
    pub(crate) async fn parameters_below(&self, path: &str) -> Result<BTreeMap<String, String>, Error> {
        // Ten is the limit of a batch. A test of cart-infra limits the stage's published values to ten, so that one call is enough.
        // https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html
        let call = self.ssm.get_parameters_by_path().path(path).recursive(true).max_results(10);
        let mut batches = call.into_paginator().send();
        let mut parameters = BTreeMap::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| Error::sdk(format!("reading the parameters below {path}"), error))?;
            let found = batch.parameters.unwrap_or_default().into_iter();
            parameters.extend(found.filter_map(|parameter| Some((parameter.name?, parameter.value?))));
        }
        Ok(parameters)
    }
}
