//! Errors of the client library, classified by what to do about them. The only place that decides it.

use std::borrow::Cow;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::OWN_TOPICS;
use crate::stream::broker::{Action, BrokerError, Cause};

/// What decides the action: the code and the three flags that a transactional call may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Code of the library (negative) or of the broker.
    pub code: Code,
    /// The client instance is unusable.
    pub fatal: bool,
    /// The same call may be repeated.
    pub retriable: bool,
    /// The transaction must be aborted.
    pub requires_abort: bool,
}

impl Facts {
    /// A bare code.
    pub(super) fn of_code(code: Code) -> Self {
        Self { code, fatal: false, retriable: false, requires_abort: false }
    }

    /// The facts of an error. One that carries no code is `Unknown`.
    pub(super) fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) => Self {
                code: error.code(),
                fatal: error.is_fatal(),
                retriable: error.is_retriable(),
                requires_abort: error.txn_requires_abort(),
            },
            KafkaError::MessageConsumptionFatal(code) => Self { fatal: true, ..Self::of_code(*code) },
            _ => Self::of_code(error.rdkafka_error_code().unwrap_or(Code::Unknown)),
        }
    }
}

/// The action for an error. An unexpected one is fatal: the next start begins at the committed offsets, which
/// is always right.
pub(super) fn classify(facts: Facts) -> Action {
    if facts.fatal {
        return Action::Fatal;
    }
    if facts.requires_abort {
        return Action::AbortAndRewind;
    }
    if facts.retriable {
        return Action::Retry;
    }
    match facts.code {
        // A broker is unreachable or busy; the client keeps trying by itself.
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::OperationTimedOut
        | Code::TimedOutQueue
        | Code::WaitingForCoordinator
        | Code::WaitCache
        | Code::Retry
        // The library has dropped a broker that is gone, and asks another one next time.
        | Code::BrokerDestroy
        | Code::DestroyBroker
        | Code::QueueFull
        | Code::InProgress
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::RequestTimedOut
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::NetworkException
        | Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::NotController
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::ConcurrentTransactions
        | Code::KafkaStorageError
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::OffsetNotAvailable
        | Code::UnstableOffsetCommit
        | Code::ThrottlingQuotaExceeded
        | Code::RebalanceInProgress
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => Action::Retry,
        // Refused logins are retried as well: a password can be rotated at the broker while this process
        // runs. At startup they end it (`probe`).
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => Action::Retry,
        // The member missed its poll interval; the group revokes its partitions and lets it join again.
        Code::PollExceeded => Action::Retry,
        // The records of the transaction are lost, or the group has moved on without this member.
        Code::MessageTimedOut
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::StaleMemberEpoch
        | Code::FencedMemberEpoch
        | Code::AssignmentLost
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::OutOfOrderSequenceNumber
        | Code::InvalidProducerIdMapping
        | Code::UnknownProducerId
        | Code::TransactionCoordinatorFenced => Action::AbortAndRewind,
        _ => Action::Fatal,
    }
}

/// Whether another client took over an identity, and which one.
pub(super) fn cause(code: Code) -> Cause {
    match code {
        Code::FencedInstanceId | Code::UnreleasedInstanceId => Cause::MemberFenced,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Cause::ProducerFenced,
        _ => Cause::Other,
    }
}

/// What an operator can do, if it is not "wait": the key to check, or the right to grant.
pub(super) fn advice(code: Code) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(match code {
        Code::TopicAuthorizationFailed => return Some(Cow::Owned(rights())),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => {
            "the broker refused the login: check sasl.mechanisms, sasl.username and sasl.password under [kafka.client]"
        }
        Code::SSL => {
            "the TLS connection failed: look at ssl.ca.location, ssl.certificate.location, ssl.key.location and \
             security.protocol under [kafka.client]"
        }
        Code::Resolve => "the host name is unknown: check kafka.bootstrap_servers",
        Code::GroupAuthorizationFailed => "grant Read on the consumer group kafka.group_id",
        Code::TransactionalIdAuthorizationFailed => {
            "grant Write and Describe on transactional ids that begin with kafka.group_id"
        }
        Code::ClusterAuthorizationFailed => "grant what the broker's log names, or set kafka.create_topics = false",
        Code::InvalidTransactionTimeout => {
            "kafka.transaction_timeout is above the broker's transaction.max.timeout.ms: lower the former or raise the latter"
        }
        Code::InvalidSessionTimeout => {
            "kafka.session_timeout lies outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
        }
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
            "max.message.bytes of a topic was lowered while the process ran; it is read again at the next start"
        }
        Code::InconsistentGroupProtocol => {
            "kafka.group_id is used by consumers with another assignor: give this daemon its own group"
        }
        Code::UnknownTopicOrPartition => "a topic was deleted while it was in use",
        _ => return None,
    }))
}

/// The rights that the daemon needs on topics.
fn rights() -> String {
    let own = OWN_TOPICS.map(|topic| format!("{} on {}", topic.rights, topic.key));
    format!("grant Read and Describe on the input topics, {}", own.join(", "))
}

/// The error of a failed call: what was tried, what the library said, what to do.
pub(super) fn failure(doing: &str, error: &KafkaError) -> BrokerError {
    if let Some(text) = refused_setting(error) {
        return BrokerError::configuration(format!("cannot {doing}: {text}; check [kafka.client]"));
    }
    let facts = Facts::of(error);
    let said = match error {
        KafkaError::Transaction(error) => error.string(),
        _ => error.to_string(),
    };
    let advice = advice(facts.code).map_or_else(String::new, |advice| format!("; {advice}"));
    BrokerError {
        action: classify(facts),
        cause: cause(facts.code),
        message: format!("cannot {doing}: {said}{advice}"),
    }
}

/// The library's message about a refused setting, without the value: it may be a password.
fn refused_setting(error: &KafkaError) -> Option<String> {
    match error {
        KafkaError::ClientConfig(_, said, key, _) => Some(format!("{key}: {said}")),
        KafkaError::ClientCreation(said) => Some(said.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_an_action() {
        let plain = Facts::of_code;
        let table = [
            // The flags of a transactional call decide before its code does.
            (Facts { fatal: true, retriable: true, ..plain(Code::OperationTimedOut) }, Action::Fatal),
            (Facts { fatal: true, requires_abort: true, ..plain(Code::Fenced) }, Action::Fatal),
            (Facts { requires_abort: true, ..plain(Code::OperationTimedOut) }, Action::AbortAndRewind),
            (Facts { requires_abort: true, ..plain(Code::IllegalGeneration) }, Action::AbortAndRewind),
            (Facts { requires_abort: true, ..plain(Code::Unknown) }, Action::AbortAndRewind),
            (Facts { retriable: true, ..plain(Code::BrokerTransportFailure) }, Action::Retry),
            (Facts { retriable: true, ..plain(Code::Unknown) }, Action::Retry),
            // Without flags the code decides.
            (plain(Code::AllBrokersDown), Action::Retry),
            // Regression (soak): one of three brokers was killed, and a worker ended because of it.
            (plain(Code::DestroyBroker), Action::Retry),
            (plain(Code::CoordinatorLoadInProgress), Action::Retry),
            (plain(Code::UnstableOffsetCommit), Action::Retry),
            (plain(Code::PollExceeded), Action::Retry),
            (plain(Code::Authentication), Action::Retry),
            (plain(Code::MessageTimedOut), Action::AbortAndRewind),
            (plain(Code::UnknownMemberId), Action::AbortAndRewind),
            (plain(Code::MessageSizeTooLarge), Action::AbortAndRewind),
            (plain(Code::Fenced), Action::Fatal),
            (plain(Code::FencedInstanceId), Action::Fatal),
            (plain(Code::InvalidProducerEpoch), Action::Fatal),
            (plain(Code::TopicAuthorizationFailed), Action::Fatal),
            (plain(Code::InvalidTransactionTimeout), Action::Fatal),
            (plain(Code::State), Action::Fatal),
            // Unexpected ones.
            (plain(Code::Unknown), Action::Fatal),
            (plain(Code::PrincipalDeserializationFailure), Action::Fatal),
        ];
        for (facts, action) in table {
            assert_eq!(classify(facts), action, "{facts:?}");
        }
    }

    #[test]
    fn missing_rights_are_named_for_every_own_topic() {
        let advice = advice(Code::TopicAuthorizationFailed).unwrap();
        for topic in OWN_TOPICS {
            assert!(advice.contains(&format!("{} on {}", topic.rights, topic.key)), "{advice}");
        }
    }

    #[test]
    fn an_error_without_a_code_is_fatal() {
        let failure = failure("pause", &KafkaError::PauseResume("odd".into()));
        assert_eq!(failure.action, Action::Fatal);
        assert_eq!(failure.message, "cannot pause: Pause/resume error: odd");
    }

    #[test]
    fn both_kinds_of_fence_are_distinguished() {
        assert_eq!(cause(Code::FencedInstanceId), Cause::MemberFenced);
        assert_eq!(cause(Code::Fenced), Cause::ProducerFenced);
        assert_eq!(cause(Code::IllegalGeneration), Cause::Other);
    }
}
