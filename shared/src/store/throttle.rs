//! Counters of failed attempts.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::{Store, cost, keys, unavailable};
use crate::error::Result;

impl Store {
    /// Counts one attempt of `whose` in the window that ends at `window_end` (seconds since 1970).
    /// `false`, and nothing counted, when `limit` was reached.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn throttle_count(&self, whose: &str, window_end: i64, limit: u32) -> Result<bool> {
        let counted = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::throttle(whose, window_end).attributes()))
            .update_expression("ADD #n :one SET #expires = :end")
            .condition_expression("attribute_not_exists(#n) OR #n < :limit")
            .expression_attribute_names("#n", "attempts")
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match counted {
            Ok(output) => {
                cost::wrote(output.consumed_capacity());
                Ok(true)
            }
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Takes one attempt back, because it succeeded.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn throttle_refund(&self, whose: &str, window_end: i64) -> Result<()> {
        let output = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::throttle(whose, window_end).attributes()))
            .update_expression("ADD #n :back SET #expires = :end")
            .expression_attribute_names("#n", "attempts")
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":back", AttributeValue::N("-1".to_owned()))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        Ok(())
    }
}
