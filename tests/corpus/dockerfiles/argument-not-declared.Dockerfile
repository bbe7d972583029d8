FROM ${IMAGE:-nginx}
