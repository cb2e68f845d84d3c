//! Answers without a SUBSCRIBE, as clients of RabbitMQ expect them, where the server is set up for it.

use gumboot_testkit::Over;

use crate::support::{TestServer, config, over_each};

#[test]
fn a_reply_to_subscribes_by_itself() {
    let mut config = config();
    config.reply_to_subscribes = true;
    let server = TestServer::with(config);
    let mut answerer = server.client(Over::Tcp, "1.2");
    answerer.subscribe("q", "/queue/questions");
    over_each(|over| {
        let mut asker = server.client(over, "1.2");
        for question in ["1", "2"] {
            asker.send(format!(
                "SEND\ndestination:/queue/questions\nreply-to:/temp-queue/a\n\n{question}\0"
            ));
            let message = answerer.expect_message(question);
            let reply_to = message.header("reply-to").unwrap().to_owned();
            answerer.send(format!("SEND\ndestination:{reply_to}\n\nto {question}\0"));
            let answer = asker.expect_message(format!("to {question}"));
            assert_eq!(answer.header("subscription"), Some("/temp-queue/a"));
        }
        asker.send("UNSUBSCRIBE\nid:/temp-queue/a\nreceipt:end\n\n\0");
        asker.expect_receipt("end");
    });
}

#[test]
fn a_queue_of_another_is_not_subscribed_to() {
    let mut config = config();
    config.reply_to_subscribes = true;
    let server = TestServer::with(config);
    let mut asker = server.client(Over::Tcp, "1.2");
    asker.subscribe("q", "/queue/questions");
    asker.send("SEND\ndestination:/queue/questions\nreply-to:/temp-queue/@x/a\n\nfor x\0");
    let message = asker.expect_message("for x");
    assert_eq!(message.header("reply-to"), Some("/temp-queue/@x/a"));
    // It would be refused.
    asker.publish("/queue/questions", "still here");
    asker.expect_message("still here");
}
