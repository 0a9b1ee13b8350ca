"""A Pulumi provider over the Kubernetes API for every kind there is, where pulumi-kubernetes cannot be had.

It behaves as pulumi-kubernetes 4.34 does (types, checks, replacement rules, field ownership, annotations), with four
differences that are meant: unknown fields are refused at creation and not only at the first update; an object that a
killed run of the same resource left behind is taken up again; a kubeconfig must be given, because the one of this
machine's user may lead to a cluster that matters; and nothing waits for pods, which no node runs here
(`pulumi.com/waitFor` waits where a controller does run).
"""
