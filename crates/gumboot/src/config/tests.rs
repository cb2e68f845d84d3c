//! What a configuration file means, and what is told of one that is wrong.

use std::time::Duration;

use gumboot_broker::{
    Destination, Durability, HistoryPolicy, Level, Overflow, PasswordHash, QueuePolicy,
};

use super::*;

fn read(text: &str) -> Read {
    of_text(text)
}

/// The problems, each as `LINE: KEY: ...`.
fn problems(text: &str) -> Vec<String> {
    let lines = parse("g.toml", text, Path::new("/")).map(drop).unwrap_err();
    let strip = |line: String| line.strip_prefix("g.toml:").unwrap().to_owned();
    lines.into_iter().map(strip).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let problems = problems(text);
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem:?} {expected:?}");
    }
}

#[test]
fn the_example_says_what_holds_anyhow() {
    let read = read(include_str!("../../../../gumboot.example.toml"));
    let default = Config::default();
    assert_eq!(read.listen, Some(default.listen));
    assert_eq!(read.stomp_listen, Some(StompListen(default.stomp_listen)));
    assert_eq!(read.stomps_listen, Some(StompListen(None)));
    assert_eq!(
        (read.compress, read.hide_server, read.log),
        (Some(true), Some(false), Some(LevelFilter::INFO))
    );
    assert_eq!(read.allow_origin.unwrap(), ["https://app.example.com"]);
    assert_eq!(read.websocket, Some(proto::Config::server()));
    let config = read.config;
    assert_eq!(config.http, default.http);
    assert_eq!(config.stomp.limits, default.stomp.limits);
    assert_eq!(
        config.stomp.limits_before_login,
        default.stomp.limits_before_login
    );
    assert_eq!(config.reply_to_subscribes, default.reply_to_subscribes);
    assert_eq!(config.heart_beat, default.heart_beat);
    assert_eq!(config.broker.limits, default.broker.limits);
    assert_eq!(config.broker.topic, default.broker.topic);
    assert_eq!(config.connections_max, default.connections_max);
    assert_eq!(config.tls_handshakes_max, default.tls_handshakes_max);
    assert_eq!(config.mailbox_bytes_max, default.mailbox_bytes_max);
    assert_eq!(config.durability.patterns[0].1, Durability::default());
    let (pattern, policy) = &config.broker.queues[0];
    assert!(pattern.covers(&Destination::parse("/queue/jobs.a").unwrap()));
    assert_eq!(**policy, QueuePolicy::default());
    let (pattern, policy) = &config.broker.histories[0];
    assert!(pattern.covers(&Destination::parse("/topic/news.a").unwrap()));
    assert_eq!(**policy, HistoryPolicy::default());
    for name in ["jobs", "/amq/queue/a", "topic://a", "/exchange/amq.topic/a"] {
        assert!(config.kinds.parse(name).is_ok(), "{name}");
    }
    assert!(read.users.with(&[]).unwrap().is_some());
}

#[test]
fn what_the_documents_show_can_be_read() {
    let documents = [
        include_str!("../../../../docs/from-activemq.md"),
        include_str!("../../../../docs/from-rabbitmq.md"),
        include_str!("../../../../docs/stomp.md"),
    ];
    for text in documents {
        let blocks = text.split("```toml\n").skip(1);
        let blocks: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
        assert!(blocks.len() > 1, "{blocks:?}");
        blocks.into_iter().map(read).for_each(drop);
    }
}

#[test]
fn nothing_is_what_holds_without_a_file() {
    let (read, none) = (read(""), Read::default());
    assert_eq!(
        format!("{:?}", read.config.broker),
        format!("{:?}", none.config.broker)
    );
    assert!(read.users.with(&[]).unwrap().is_none());
}

#[test]
fn each_bound_goes_where_it_belongs() {
    let read = read(
        "limits.connections-max = 5\n\
         limits.mailbox-bytes-max = 4096\n\
         limits.http.head-bytes-max = '8 KiB'\n\
         limits.websocket.ping-interval = 'off'\n\
         limits.websocket.idle-max = '1 h'\n\
         limits.stomp.before-login.login-max = '2 s'\n\
         limits.stomp.after-login.body-bytes-max = '1 KiB'\n\
         limits.broker.delay-max = '1 d'\n\
         heart-beat = { can-send = 'off', wants = '2 s' }\n\
         [[queues]]\n\
         pattern = '/queue/a'\n\
         overflow = 'drop-oldest'\n\
         dead-letters = 'off'\n\
         [tls]\n\
         cert = 'c.pem'\n\
         key = '/k.pem'\n",
    );
    let config = read.config;
    assert_eq!(
        (config.connections_max, config.mailbox_bytes_max),
        (5, 4096)
    );
    assert_eq!(config.http.head_bytes_max, 8 << 10);
    let timing = read.websocket.unwrap().timing;
    assert_eq!(
        (timing.ping_interval, timing.idle_max),
        (None, Some(Duration::from_secs(3600)))
    );
    assert_eq!(config.stomp.limits_before_login.login_ms_max, 2_000);
    assert_eq!(config.stomp.limits.body_bytes_max, 1 << 10);
    assert_eq!(config.broker.limits.delay_ms_max, 86_400_000);
    assert_eq!(
        (config.heart_beat.can_send_ms, config.heart_beat.wants_ms),
        (0, 2_000)
    );
    let (_, policy) = &config.broker.queues[0];
    assert_eq!(
        (policy.overflow, &policy.dead_letters),
        (Overflow::DropOldest, &None)
    );
    let tls = read.tls.unwrap();
    assert_eq!(tls.cert, Path::new("/etc/gumboot/c.pem"));
    assert_eq!(tls.key, Path::new("/k.pem"));
}

#[test]
fn several_problems_are_told_with_their_lines_and_keys() {
    check(
        "\nlistne = \"127.0.0.1:1\"\n\
         listen = \"nowhere\"\n\
         allow-origin = [\"https://a.example\", \"b\"]\n\
         log = 5\n\n\
         [limits]\n\
         connections-max = -1\n\
         mailbox-bytes-max = \"64 MB\"\n\
         [limits.http]\n\
         head-bytes-max = \"1 KiB\"\n\
         head-wait-max = 10\n\
         [limits.stomp.before-login]\n\
         login-max = \"100 d\"\n",
        &[
            "2: listne: unknown key `listne`, expected one of `listen`",
            "3: listen: invalid value 'nowhere': invalid socket address syntax",
            "4: allow-origin: 'b' is not an origin",
            "5: log: invalid type: integer `5`",
            "8: limits.connections-max: invalid value: integer `-1`",
            "9: limits.mailbox-bytes-max: invalid value: string \"64 MB\", expected a number of bytes",
            "11: limits.http.head-bytes-max: it is 8 KiB at least",
            "12: limits.http.head-wait-max: invalid value: integer `10`, expected a wait such as",
            "14: limits.stomp.before-login.login-max: it is too large",
        ],
    );
}

#[test]
fn what_is_no_toml() {
    check("listen = \n\n[limits\n", &["1: ", "3: "]);
    check("listen = 'a'\nlisten = 'b'\n", &["2: duplicate key"]);
}

#[test]
fn users_that_are_wrong() {
    let hash = PasswordHash::new("secret").unwrap();
    let text = format!(
        "[[users]]\nname = 'ann'\npassword-hash = '{hash}'\nread = ['/topic/a', 'news', '/topic/**.b']\n\
         [[roles]]\nname = 'r'\nwrite = ['/topic/']\n\
         [[roles]]\nname = 'r'\n\
         [[users]]\nname = 'bob'\nroles = ['q']\npassword-hash = '{hash}'\n"
    );
    check(
        &text,
        &[
            "4: users.read: the destination is of no known kind",
            "4: users.read: the wildcards",
            "7: roles.write: the destination has no name",
            "9: roles.name: there is a role of this name already",
            "11: users.name: the user \"bob\" has the role \"q\", which does not exist",
        ],
    );
    let plain = problems("[[users]]\nname = 'ann'\npassword-hash = 'pa55word'\n");
    assert_eq!(
        plain,
        ["3: users.password-hash: this is no hash such as `gumboot passwd` makes"]
    );
    check(
        "[[users]]\nname = 'ann'\n",
        &["1: users: missing key `password-hash`"],
    );
}

#[test]
fn destinations_and_queues_that_are_wrong() {
    check(
        "[destinations.prefixes]\n'/topic/' = 'queue'\n'' = 'topic'\n'/q/' = 'queue'\n\
         [[queues]]\npattern = '/topic/a'\n\
         [[queues]]\npattern = '/q/**'\ndead-letters = '/queue/*'\n",
        &[
            "2: destinations.prefixes./topic/: '/topic/' would change what the usual prefixes mean",
            "3: destinations.prefixes.: a prefix is not empty",
            "6: queues.pattern: '/topic/a' is no queue",
            "9: queues.dead-letters: dead letters go to one queue",
        ],
    );
    check(
        "[destinations]\nbare = 'stream'\n",
        &["2: destinations.bare: unknown variant `stream`"],
    );
}

#[test]
fn only_so_many_problems_are_told() {
    let text: String = (0..100).map(|n| format!("k{n:03} = 1\n")).collect();
    let problems = problems(&text);
    assert_eq!(problems.len(), problem::PROBLEMS_MAX);
    assert!(
        problems[19].starts_with("20: k019: unknown key `k019`"),
        "{}",
        problems[19]
    );
}

#[test]
fn what_may_be_a_password_is_not_repeated() {
    let no_hash = "this is no hash such as `gumboot passwd` makes";
    for hash in ["12345678", "123.45678", "['12345678']", "{ a = 12345678 }"] {
        let problems = problems(&format!("[[users]]\nname = 'a'\npassword-hash = {hash}\n"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("3: users.password-hash"));
        assert!(problems[0].ends_with(no_hash), "{problems:?}");
    }
    for text in [
        "users = ['ann:12345678']",
        "users = 'ann:12345678'",
        "users = 12345678",
        "users = [12345678, '12345678']",
        "users = [['12345678']]",
        "users = { ann = '12345678' }",
        "user = ['ann:12345678']",
        "[[users]]\nname = 12345678",
        "[[users]]\nname = 'ann'\nroles = 'a, expected 12345678'",
        "[[users]]\nname = 'ann'\nread = 12345678",
        "[[users]]\nname = 'ann'\npassword = '12345678'",
        "[[users]]\nname = 'ann' '12345678'",
        "[[users]]\nname = 12345678x",
        "[users]\nann = '12345678'",
    ] {
        let problems = problems(text);
        assert!(!problems.is_empty());
        assert!(!problems.concat().contains("1234"), "{problems:?}");
    }
    check(
        "users = ['ann:secret']",
        &["1: users: invalid value, expected a table"],
    );
}

#[test]
fn what_is_kept_and_how_well() {
    let read = read(
        "[[durability]]\npattern = '/topic/a'\nreceipt-level = 'received'\n\
         [[durability]]\npattern = '/queue/**'\npersistent = false\n",
    );
    let patterns = &read.config.durability.patterns;
    let named = patterns.iter().map(|(pattern, durability)| {
        let Durability {
            receipt_level,
            persistent,
        } = durability;
        (pattern.as_str(), *receipt_level, *persistent)
    });
    assert_eq!(
        named.collect::<Vec<_>>(),
        [
            ("/topic/a", Level::Received, true),
            ("/queue/**", Level::Synced, false)
        ]
    );
    check(
        "[[durability]]\npattern = '/temp-queue/a'\n[[durability]]\npattern = '/queue/a'\nreceipt-level = 'sure'\n",
        &["5: durability.receipt-level: unknown variant `sure`"],
    );
    check(
        "[[durability]]\npattern = '/temp-queue/a'\n[[durability]]\npattern = 'news'\n",
        &[
            "2: durability.pattern: '/temp-queue/a' is neither a queue nor a topic",
            "4: durability.pattern: the destination is of no known kind",
        ],
    );
}

#[test]
fn what_topics_keep() {
    let read = read(
        "[[history]]\npattern = '/topic/a'\nmessages-max = 5\nbytes-max = '1 KiB'\nage-max = '2 h'\n\
         [[history]]\npattern = '/topic/**'\n",
    );
    let [(first, some), (second, default)] = &read.config.broker.histories[..] else {
        panic!("{:?}", read.config.broker.histories);
    };
    assert_eq!((first.as_str(), second.as_str()), ("/topic/a", "/topic/**"));
    let expected = HistoryPolicy {
        messages_max: 5,
        bytes_max: 1 << 10,
        age_ms_max: 7_200_000,
    };
    assert_eq!(
        (&**some, &**default),
        (&expected, &HistoryPolicy::default())
    );
    check(
        "[[history]]\npattern = '/queue/a'\nmessages-max = 0\nage-max = '5'\n",
        &[
            "3: history.messages-max: it is 1 at least",
            "4: history.age-max: invalid value: string \"5\", expected a wait such as",
        ],
    );
    check(
        "[[history]]\nage-max = '1 h'\n",
        &["1: history: missing key `pattern`"],
    );
    check(
        "[[history]]\npattern = '/queue/a'\n[[history]]\npattern = 'news'\n",
        &[
            "2: history.pattern: '/queue/a' is no topic",
            "4: history.pattern: the destination is of no known kind",
        ],
    );
}

#[test]
fn counts_of_none_are_refused_where_nothing_would_work() {
    for (table, keys) in [
        ("limits", &["connections-max", "tls-handshakes-max"][..]),
        (
            "limits.websocket",
            &[
                "control-frames-per-second-max",
                "fragments-per-message-max",
                "inflate-ratio-max",
            ],
        ),
        ("limits.stomp.before-login", &["headers-max"]),
        ("limits.stomp.after-login", &["headers-max"]),
        (
            "limits.broker",
            &[
                "sessions-max",
                "subscriptions-per-session-max",
                "topics-max",
                "queues-max",
                "consumers-per-queue-max",
                "credit-messages-default",
                "credit-messages-max",
                "replay-messages-max",
                "transaction-operations-max",
            ],
        ),
        ("topics", &["messages-max", "deliveries-max"]),
    ] {
        for key in keys {
            let expected = format!("1: {table}.{key}: it is 1 at least");
            check(&format!("{table}.{key} = 0"), &[&expected]);
            assert!(parse("g.toml", &format!("{table}.{key} = 1"), Path::new("/")).is_ok());
        }
    }
    check(
        "[[queues]]\npattern = '/queue/a'\nmessages-max = 0\ndeliveries-max = 0\n",
        &[
            "3: queues.messages-max: it is 1 at least",
            "4: queues.deliveries-max: it is 1 at least",
        ],
    );
    for key in [
        "durables-max",
        "retained-max",
        "histories-max",
        "scheduled-max",
        "groups-per-queue-max",
        "temporaries-per-session-max",
        "transactions-per-session-max",
    ] {
        read(&format!("limits.broker.{key} = 0"));
    }
}

#[test]
fn what_is_no_bound_after_the_login_is_no_key() {
    check(
        "limits.stomp.after-login.login-max = '10 s'",
        &["1: limits.stomp.after-login.login-max: unknown key `login-max`, expected one of"],
    );
}

#[test]
fn waits_past_what_can_be_kept() {
    check(
        "[limits.websocket]\nidle-max = '50 d'\nping-interval = '5'\n",
        &[
            "2: limits.websocket.idle-max: it is too large",
            "3: limits.websocket.ping-interval: expected a wait such as \"10 s\"",
        ],
    );
}
