//! Every API of the catalog.

use hashbrown::HashMap;

use super::*;
use crate::call::Api;
use crate::style::ALL;

fn all() -> impl Iterator<Item = &'static Api> {
    let lists = [
        recipe::DEPLOYMENTS,
        recipe::JOBS,
        recipe::CHATTER,
        recipe::LOOKUPS,
        recipe::HEARTBEATS,
        recipe::POLLS,
        recipe::DATA,
    ];
    let single = [
        recipe::SCALE_OUT,
        recipe::SCALE_IN,
        recipe::SIGN_IN,
        recipe::ROOT,
        recipe::ONBOARDING,
        recipe::WITH_SAML,
        recipe::WITH_WEB_IDENTITY,
        recipe::PORTAL,
    ];
    let services = ALL.iter().flat_map(|service| service.reads.iter().chain(service.writes));
    let events = recipe::SERVICE_EVENTS.iter().flat_map(|(_, apis)| apis.iter());
    lists.into_iter().flatten().copied().chain(single).flatten().chain(services).chain(events)
}

#[test]
fn an_api_reads_everywhere_or_nowhere() {
    let mut known: HashMap<(&str, &str), bool> = HashMap::new();
    for api in all() {
        let read = *known.entry((api.service, api.name)).or_insert(api.read);
        assert_eq!(read, api.read, "{api:?}");
    }
    assert!(known.len() > 800, "only {} APIs", known.len());
}

#[test]
fn read_and_write_names_match_the_catalog() {
    for api in all().filter(|api| api.name.starts_with("Describe") || api.name.starts_with("List")) {
        assert!(api.read, "{api:?}");
    }
    for api in all().filter(|api| api.name.starts_with("Create") || api.name.starts_with("Delete")) {
        assert!(!api.read, "{api:?}");
    }
}

#[test]
fn global_services_record_in_one_region() {
    let (role, instances) = (&service::IAM.reads[0], &service::EC2.reads[0]);
    assert_eq!((region_of(role, "eu-west-1"), region_of(instances, "eu-west-1")), ("us-east-1", "eu-west-1"));
}

#[test]
fn every_api_can_fail_in_every_way() {
    for api in all() {
        for code in [code::denied(api), code::throttled(api), code::missing(api), code::invalid(api)] {
            assert!(!code.is_empty() && code.is_ascii());
            assert_eq!(
                api.service == "ec2",
                code.starts_with("Client.") || code.starts_with("Server."),
                "{api:?} {code}"
            );
        }
    }
}
