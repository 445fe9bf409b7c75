//! Lists of APIs, and the region that records an API.

use crate::call::Api;

/// A service with the APIs that people and tools call, the most frequent first.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) reads: &'static [Api],
    pub(crate) writes: &'static [Api],
}

/// A list of APIs: `"ec2": r DescribeInstances, w RunInstances; "iam": r GetRole`.
macro_rules! apis {
    ($($service:literal: $($kind:ident $name:ident),+);+ $(;)?) => {
        &[$($($crate::call::Api {
            service: $service,
            name: stringify!($name),
            read: $crate::catalog::api::apis!(@$kind),
        }),+),+]
    };
    (@r) => { true };
    (@w) => { false };
}
pub(crate) use apis;

/// `us-east-1` for services that record every call there; otherwise the caller's region.
pub(crate) fn region_of(api: &Api, region: &'static str) -> &'static str {
    match api.service {
        "iam" | "route53" | "cloudfront" | "organizations" | "support" | "ce" | "health" | "signin" => "us-east-1",
        _ => region,
    }
}
