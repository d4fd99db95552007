//! Attempts that count as failed.
//!
//! Each bears a name of its own, so that counting it or taking it back twice, after a lost answer, does nothing more.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::{Store, cost, keys, unavailable};
use crate::ambient::random;
use crate::error::Result;

/// An attempt that was counted.
#[derive(Debug)]
pub struct Counted {
    whose: String,
    window_end: i64,
    name: String,
}

impl Store {
    /// Counts one attempt of `whose` in the window that ends at `window_end` (seconds since 1970).
    /// `None`, and nothing counted, when `limit` was reached.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn throttle_count(&self, whose: &str, window_end: i64, limit: u32) -> Result<Option<Counted>> {
        let name = format!("{:016x}", u64::from_be_bytes(random(&*self.ambient)));
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::throttle(whose, window_end).attributes()))
            .update_expression("ADD #attempts :attempt SET #expires = :end")
            .condition_expression(
                "attribute_not_exists(#attempts) OR size(#attempts) < :limit OR contains(#attempts, :name)",
            )
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name.clone()]))
            .expression_attribute_values(":name", AttributeValue::S(name.clone()))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()))
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let Some(output) = self.write_if(|| update.clone().send()).await? else { return Ok(None) };
        cost::wrote(output.consumed_capacity());
        Ok(Some(Counted { whose: whose.to_owned(), window_end, name }))
    }

    /// Takes an attempt back, because it succeeded.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn throttle_refund(&self, counted: Counted) -> Result<()> {
        let Counted { whose, window_end, name } = counted;
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::throttle(&whose, window_end).attributes()))
            .update_expression("DELETE #attempts :attempt SET #expires = :end")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#expires", keys::EXPIRES)
            .expression_attribute_values(":attempt", AttributeValue::Ss(vec![name]))
            .expression_attribute_values(":end", AttributeValue::N(window_end.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = self.write(|| update.clone().send()).await.map_err(unavailable)?;
        cost::wrote(output.consumed_capacity());
        Ok(())
    }
}
