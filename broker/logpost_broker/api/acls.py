"""DescribeAcls (29), CreateAcls (30) and DeleteAcls (31), versions 1 to 3 each: this broker has no authorizer.

- v2: flexible. v3: user as a resource

So all are SECURITY_DISABLED, as by Apache Kafka without `authorizer.class.name`: everybody may do everything, and who
reads an empty list could believe otherwise.
"""

from __future__ import annotations

from kio.schema.create_acls.v3.request import CreateAclsRequest
from kio.schema.create_acls.v3.response import AclCreationResult, CreateAclsResponse
from kio.schema.delete_acls.v3.request import DeleteAclsRequest
from kio.schema.delete_acls.v3.response import DeleteAclsFilterResult, DeleteAclsResponse
from kio.schema.describe_acls.v3.request import DescribeAclsRequest
from kio.schema.describe_acls.v3.response import DescribeAclsResponse
from kio.schema.errors import ErrorCode

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

NO_AUTHORIZER = "this broker has no authorizer: nothing is forbidden"


@handles(DescribeAclsRequest, DescribeAclsResponse)
def describe_acls(node: Node, request: DescribeAclsRequest, context: RequestContext) -> DescribeAclsResponse:
    return DescribeAclsResponse(
        throttle_time=NO_THROTTLE, error_code=ErrorCode.security_disabled, error_message=NO_AUTHORIZER, resources=()
    )


@handles(CreateAclsRequest, CreateAclsResponse)
def create_acls(node: Node, request: CreateAclsRequest, context: RequestContext) -> CreateAclsResponse:
    refused = AclCreationResult(error_code=ErrorCode.security_disabled, error_message=NO_AUTHORIZER)
    return CreateAclsResponse(throttle_time=NO_THROTTLE, results=(refused,) * len(request.creations))


@handles(DeleteAclsRequest, DeleteAclsResponse)
def delete_acls(node: Node, request: DeleteAclsRequest, context: RequestContext) -> DeleteAclsResponse:
    refused = DeleteAclsFilterResult(
        error_code=ErrorCode.security_disabled, error_message=NO_AUTHORIZER, matching_acls=()
    )
    return DeleteAclsResponse(throttle_time=NO_THROTTLE, filter_results=(refused,) * len(request.filters))
