//! Deletes the anonymous items that a migration has emptied, from the queue.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use cart_shared::Chain;
use lambda_runtime::{
    LambdaEvent,
    tracing::{error, info},
};
use thiserror::Error;

use crate::{
    deletions::{Deletion, NotADeletion},
    store::{Outcome, Store, StoreError, write::Write},
};

/// Deletes migrated items.
#[derive(Debug)]
pub struct DeleteFromCart {
    /// Where carts are.
    pub store: Store,
}

#[derive(Debug, Error)]
enum DeleteError {
    #[error("cannot read a message")]
    Message(#[from] NotADeletion),
    #[error("cannot delete an item")]
    Store(#[from] StoreError),
    #[error("the item is being written at this moment")]
    Busy,
}

impl DeleteFromCart {
    /// Does each message by itself, and names those that are to be delivered again.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
        let mut failed = SqsBatchResponse::default();
        for message in event.payload.records {
            if let Err(error) = self.delete(&message).await {
                let id = message.message_id.unwrap_or_default();
                error!(message_id = id, error = %Chain(&error), "not deleted");
                failed.add_failure(id);
            }
        }
        failed
    }

    async fn delete(&self, message: &SqsMessage) -> Result<(), DeleteError> {
        let deletion: Deletion = message.body.as_deref().unwrap_or_default().parse()?;
        match self.store.apply(Write::bury(&deletion)).await? {
            Outcome::Done => Ok(()),
            Outcome::Stale => {
                info!("the item is gone already, or in use again");
                Ok(())
            }
            Outcome::Busy => Err(DeleteError::Busy),
        }
    }
}
