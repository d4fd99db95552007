//! Creates the table, for engines without a template.

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
    TimeToLiveStatus,
};

use super::failure::unavailable;
use super::{Store, keys};
use crate::error::Result;

impl Store {
    /// Creates the table if it does not exist, as in `template.yaml` except for the stream: only functions in AWS read
    /// it, and the embedded engine would scan the whole stream at every write.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    pub async fn table_create(&self) -> Result<()> {
        let attribute = |name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(unavailable)
        };
        let key =
            |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unavailable);
        let created = self
            .client
            .create_table()
            .table_name(&*self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(keys::PK)?)
            .attribute_definitions(attribute(keys::SK)?)
            .key_schema(key(keys::PK, KeyType::Hash)?)
            .key_schema(key(keys::SK, KeyType::Range)?)
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
                // A process may have created it and crashed before the rest.
            }
            Err(error) => return Err(unavailable(error)),
        }
        if self.expires().await? {
            return Ok(());
        }
        let expiry = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(keys::EXPIRES)
            .build()
            .map_err(unavailable)?;
        let told =
            self.client.update_time_to_live().table_name(&*self.table).time_to_live_specification(expiry).send().await;
        match told {
            Ok(_) => Ok(()),
            // An earlier attempt succeeded but its response was lost.
            Err(_) if self.expires().await? => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Whether time to live is enabled already; DynamoDB refuses to enable it twice.
    async fn expires(&self) -> Result<bool> {
        let described =
            self.client.describe_time_to_live().table_name(&*self.table).send().await.map_err(unavailable)?;
        let status = described.time_to_live_description.and_then(|expiry| expiry.time_to_live_status);
        Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
    }
}
