//! The keys that distinguish envelopes. They are read in the same pass as a record's own fields,
//! without looking into their values; `unwrap` and `classify` say what they mean.

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::cloudtrail::field::{Lenient, Object, Scalar, Text, ignore};

/// The JSON of a value that is not read yet; `None` where it is null or missing.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Declares structs with one line per key: `field: type = how "key"`. How a value is read: `value` as the
/// type says, `object` the wanted keys of an object, `raw` its JSON, null included, `present` whether it is
/// anything but null, `any` whether any of several keys is anything but null.
macro_rules! keys {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $type:ty = $how:ident $($key:literal)|+,)+ })+) => {$(
        $(#[$about])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $type,)+
            lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// Takes the value of a wanted key; false (and nothing taken) for any other key.
            // Out of line, because a record has none of these keys: see `Identity::field`.
            #[inline(never)]
            pub(super) fn take<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
                match key {
                    $($($key)|+ => keys!(@$how self.$field, map),)+
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }

        impl<'a> Object<'a> for $name<'a> {
            fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
                if self.take(key, map)? { Ok(()) } else { ignore(map) }
            }
        }
    )+};
    (@value $this:ident.$field:ident, $map:ident) => { $this.$field = $map.next_value()? };
    (@object $this:ident.$field:ident, $map:ident) => { $this.$field = $map.next_value::<Lenient<_>>()?.0 };
    (@raw $this:ident.$field:ident, $map:ident) => { $this.$field = Some($map.next_value()?) };
    (@present $this:ident.$field:ident, $map:ident) => { $this.$field = present($map)? };
    (@any $this:ident.$field:ident, $map:ident) => { $this.$field |= present($map)? };
}

keys! {
    /// The keys of every envelope.
    EnvelopeKeys {
        // EventBridge
        detail: Raw<'a> = value "detail",
        detail_type: Text<'a> = value "detail-type",
        origin: Text<'a> = value "source",
        // CloudWatch Logs
        message_type: Text<'a> = value "messageType",
        log_events: Raw<'a> = value "logEvents",
        awslogs: AwsLogs<'a> = object "awslogs",
        // Lists of records, and one member of each
        records: Raw<'a> = value "Records",
        firehose_records: Raw<'a> = value "records",
        data: Raw<'a> = value "data",
        events: Raw<'a> = value "Events",
        cloud_trail_event: Raw<'a> = value "CloudTrailEvent",
        // Log shippers
        message: Raw<'a> = value "message",
        log: Raw<'a> = value "log",
        splunk_raw: Raw<'a> = value "_raw",
        event: EcsEvent<'a> = object "event",
        event_original: Raw<'a> = value "event.original",
        beat: bool = any "@metadata" | "agent" | "input" | "ecs",
        vector: bool = any "source_type" | "bucket",
        // Kafka Connect, CloudEvents
        payload: Raw<'a> = raw "payload",
        specversion: bool = present "specversion",
        data_base64: Raw<'a> = value "data_base64",
        // S3 and SNS notifications
        s3: bool = present "s3",
        service: Text<'a> = value "Service",
        test_event: Text<'a> = value "Event",
        sns_type: Text<'a> = value "Type",
        sns_message: Raw<'a> = value "Message",
        s3_object_key: bool = present "s3ObjectKey",
        // No records inside, or none that insightd decodes
        digest: bool = present "digestS3Object",
        time_window: bool = present "timeWindow",
        summary: bool = present "summary",
        resource_logs: bool = present "resourceLogs",
        class_uid: Scalar<'a> = value "class_uid",
        metadata: OcsfMetadata<'a> = object "metadata",
        aws: EcsAws<'a> = object "aws",
    }

    /// The object `awslogs` of CloudWatch Logs in its Lambda form.
    AwsLogs {
        data: Raw<'a> = value "data",
    }

    /// The object `event` of Filebeat and ECS.
    EcsEvent {
        original: Raw<'a> = value "original",
    }

    /// The object `aws` of Filebeat and ECS.
    EcsAws {
        cloudtrail: bool = present "cloudtrail",
    }

    /// The object `metadata` of OCSF.
    OcsfMetadata {
        product: OcsfProduct<'a> = object "product",
        log_provider: Text<'a> = value "log_provider",
    }

    /// The object `metadata.product` of OCSF.
    OcsfProduct {
        name: Text<'a> = value "name",
    }
}

/// Whether the value is anything but null.
fn present<'a, A: MapAccess<'a>>(map: &mut A) -> Result<bool, A::Error> {
    Ok(map.next_value::<Option<IgnoredAny>>()?.is_some())
}

impl<'a> EnvelopeKeys<'a> {
    /// `event.original`, nested or flattened.
    pub(super) fn original(&self) -> Raw<'a> {
        self.event_original.or(self.event.original)
    }
}
